"""Request → response: the exchange itself, without sockets and threads. Pure, given a clock."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from infra.fake_exchange.books import FakeBook, depth_body, pair_books, render_sides
from infra.fake_exchange.exchange_info import exchange_info
from infra.fake_exchange.fault_plan import OK, FaultPlan
from infra.fake_exchange.faults import FAULTS, FaultContext
from infra.fake_exchange.markets import MARKETS, USDM, FakeMarket
from infra.fake_exchange.pairs import delivery_ms
from infra.fake_exchange.queries import DEPTH, EXCHANGE_INFO, TIME, Query, parse_query
from infra.fake_exchange.responses import Response, api_error
from infra.fake_exchange.weight_limit import WeightLimiter, WeightUse

_INVALID_SYMBOL = api_error(400, -1121, "Invalid symbol.")


class Outcome(NamedTuple):
    """A parsed request, its response, the weight used so far, and the fault that was applied (`ok` for none)."""

    query: Query
    response: Response
    used_weight: int
    fault: str = OK


class _Rendered(NamedTuple):
    """What does not change of a depth response until the next step."""

    step: int
    update_id: int
    sides: bytes


class Api:
    """The exchange: listed pairs, their books over time, limits, and faults."""

    def __init__(
        self,
        symbols: Iterable[str],
        books: Mapping[str, FakeBook],
        *,
        seed: int,
        tick_ms: float,
        weight_limit: int | None,
        fault_plan: FaultPlan,
        clock: Callable[[], float],
    ) -> None:
        self._symbols = dict.fromkeys((*symbols, *books))
        self._fixed_books = dict(books)
        self._seed, self._tick_ms = seed, tick_ms
        self._weight_limits = {
            market: market.weight_limit if weight_limit is None else weight_limit for market in MARKETS
        }
        self._limiters = {market: WeightLimiter(limit) for market, limit in self._weight_limits.items()}
        self._fault_plan, self._clock, self._started_seconds = fault_plan, clock, clock()
        self._bodies: dict[tuple[FakeMarket, str, int], _Rendered] = {}

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
        for market in MARKETS:
            for symbol in self._listed(market):
                self._book(market, symbol, 1, 0)

    def respond(self, method: str, target: str) -> Outcome:
        """The response to a request made now."""
        query, now_seconds = parse_query(method, target), self._clock()
        use = self._limiters[query.market].charge(query.weight, now_seconds)
        if use.status != 200:
            return Outcome(query, self._over_limit(query.market, use), use.used)
        if query.error:
            return Outcome(query, query.error, use.used)
        if query.endpoint == DEPTH:
            return self._depth(query, now_seconds, use.used)
        return Outcome(query, self._other(query, now_seconds), use.used)

    def _over_limit(self, market: FakeMarket, use: WeightUse) -> Response:
        text = (
            market.banned.format(until_ms=use.banned_until_ms)
            if use.status == 418
            else market.too_much_weight.format(limit=self._weight_limits[market])
        )
        return api_error(use.status, -1003, text, ("Retry-After", str(use.retry_after_seconds)))

    def _depth(self, query: Query, now_seconds: float, used_weight: int) -> Outcome:
        market, symbol, limit = query.market, query.symbol or "", query.limit or 0
        if not self._is_listed(market, symbol):
            return Outcome(query, _INVALID_SYMBOL, used_weight)
        step = self._step(now_seconds)
        rendered = self._rendered(market, symbol, limit, step)
        response = Response(200, depth_body(rendered.update_id, market.times(now_seconds), rendered.sides))
        fault = self._fault_plan.next(symbol)
        if fault.name != OK:
            context = FaultContext(
                market,
                response,
                book=self._book(market, symbol, limit, step),
                now_seconds=now_seconds,
                first_book=self._book(market, symbol, limit, 0),
                started_seconds=self._started_seconds,
                weight_limit=self._weight_limits[market],
                parameter=fault.parameter,
            )
            response = FAULTS[fault.name].apply(context)
        return Outcome(query, response, used_weight, fault.name)

    def _listed(self, market: FakeMarket) -> list[str]:
        return [symbol for symbol in self._symbols if self._is_listed(market, symbol)]

    def _is_listed(self, market: FakeMarket, symbol: str) -> bool:
        """Whether a market has this symbol: dated contracts are futures only."""
        return symbol in self._symbols and (market is USDM or delivery_ms(symbol) is None)

    def _other(self, query: Query, now_seconds: float) -> Response:
        if query.endpoint == EXCHANGE_INFO:
            market = query.market
            info = exchange_info(market, self._listed(market), self._weight_limits[market], now_seconds)
            return Response(200, info)
        return Response(200, b'{"serverTime":%d}' % int(now_seconds * 1000) if query.endpoint == TIME else b"{}")

    def _step(self, now_seconds: float) -> int:
        if not self._tick_ms:
            return 0
        # Epoch seconds as a float are precise to a microsecond: without 1e-3, a tick later may be the same step.
        return max(0, int((now_seconds - self._started_seconds) * 1000 / self._tick_ms + 1e-3))

    def _book(self, market: FakeMarket, symbol: str, limit: int, step: int) -> FakeBook:
        if symbol in self._fixed_books:
            return self._fixed_books[symbol].top(limit)
        return pair_books(market, symbol, self._seed).book(step, limit)

    def _rendered(self, market: FakeMarket, symbol: str, limit: int, step: int) -> _Rendered:
        """The rendered book, cached until the next step."""
        cached = self._bodies.get((market, symbol, limit))
        if cached is None or cached.step != step:
            book = self._book(market, symbol, limit, step)
            cached = self._bodies[market, symbol, limit] = _Rendered(step, book.last_update_id, render_sides(book))
        return cached
