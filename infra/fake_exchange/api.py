"""Request → response: the exchange itself, without sockets and threads. Pure, given a clock."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from infra.fake_exchange.books import FakeBook, market, render
from infra.fake_exchange.exchange_info import exchange_info
from infra.fake_exchange.fault_plan import OK, FaultPlan
from infra.fake_exchange.faults import FAULTS, FaultContext
from infra.fake_exchange.queries import DEPTH, EXCHANGE_INFO, TIME, Query, parse_query
from infra.fake_exchange.responses import Response, api_error
from infra.fake_exchange.weight_limit import WeightLimiter, WeightUse, banned_text, too_much_weight_text

_INVALID_SYMBOL = api_error(400, -1121, "Invalid symbol.")


class Outcome(NamedTuple):
    """A parsed request, its response, the weight used so far, and the fault that was applied (`ok` for none)."""

    query: Query
    response: Response
    used_weight: int
    fault: str = OK


class Api:
    """The exchange: listed pairs, their books over time, limits, and faults."""

    def __init__(
        self,
        symbols: Iterable[str],
        books: Mapping[str, FakeBook],
        *,
        seed: int,
        tick_ms: float,
        weight_limit: int,
        fault_plan: FaultPlan,
        clock: Callable[[], float],
    ) -> None:
        self._symbols = dict.fromkeys((*symbols, *books))
        self._fixed_books = dict(books)
        self._seed, self._tick_ms = seed, tick_ms
        self._weight_limit, self._limiter = weight_limit, WeightLimiter(weight_limit)
        self._fault_plan, self._clock, self._started_seconds = fault_plan, clock, clock()
        self._bodies: dict[tuple[str, int], tuple[int, bytes]] = {}

    def list_book(self, symbol: str, book: FakeBook) -> None:
        """List a pair with a book that does not change."""
        self._fixed_books[symbol] = book
        self._symbols[symbol] = None
        self._bodies = {}

    def delist(self, symbol: str) -> None:
        """Remove a pair."""
        self._symbols.pop(symbol, None)

    def prepare(self) -> None:
        """Build all books now, so that the first request for each takes no longer than the others."""
        for symbol in self._symbols.keys() - self._fixed_books.keys():
            market(symbol, self._seed)

    def respond(self, method: str, target: str) -> Outcome:
        """The response to a request made now."""
        query, now_seconds = parse_query(method, target), self._clock()
        use = self._limiter.charge(query.weight, now_seconds)
        if use.status != 200:
            return Outcome(query, self._over_limit(use), use.used)
        if query.error:
            return Outcome(query, query.error, use.used)
        if query.path == DEPTH:
            return self._depth(query, now_seconds, use.used)
        return Outcome(query, self._other(query, now_seconds), use.used)

    def _over_limit(self, use: WeightUse) -> Response:
        is_banned = use.status == 418
        text = banned_text(use.banned_until_ms) if is_banned else too_much_weight_text(self._weight_limit)
        return api_error(use.status, -1003, text, ("Retry-After", str(use.retry_after_seconds)))

    def _depth(self, query: Query, now_seconds: float, used_weight: int) -> Outcome:
        symbol, limit = query.symbol or "", query.limit or 0
        if symbol not in self._symbols:
            return Outcome(query, _INVALID_SYMBOL, used_weight)
        step = self._step(now_seconds)
        response = Response(200, self._body(symbol, limit, step))
        fault = self._fault_plan.next(symbol)
        if fault.name != OK:
            book, first_book = self._book(symbol, limit, step), self._book(symbol, limit, 0)
            context = FaultContext(response, book, first_book, now_seconds, fault.parameter)
            response = FAULTS[fault.name].apply(context)
        return Outcome(query, response, used_weight, fault.name)

    def _other(self, query: Query, now_seconds: float) -> Response:
        if query.path == EXCHANGE_INFO:
            return Response(200, exchange_info(self._symbols, self._weight_limit, now_seconds))
        return Response(200, b'{"serverTime":%d}' % int(now_seconds * 1000) if query.path == TIME else b"{}")

    def _step(self, now_seconds: float) -> int:
        if not self._tick_ms:
            return 0
        # Epoch seconds as a float are precise to a microsecond: without 1e-3, a tick later may be the same step.
        return max(0, int((now_seconds - self._started_seconds) * 1000 / self._tick_ms + 1e-3))

    def _book(self, symbol: str, limit: int, step: int) -> FakeBook:
        if symbol in self._fixed_books:
            return self._fixed_books[symbol].top(limit)
        return market(symbol, self._seed).book(step, limit)

    def _body(self, symbol: str, limit: int, step: int) -> bytes:
        """The rendered book, cached until the next step."""
        cached_step, body = self._bodies.get((symbol, limit), (-1, b""))
        if cached_step != step:
            body = render(self._book(symbol, limit, step))
            self._bodies[symbol, limit] = step, body
        return body
