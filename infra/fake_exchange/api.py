"""Request → response: the exchange itself, without sockets and threads. Pure, given a clock.

Sources for limits: binance-spot-api-docs rest-api.md, "LIMITS"; errors.md, "-1003 TOO_MANY_REQUESTS".
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from infra.fake_exchange.books import FakeBook, depth_body, is_dated, pair_books, render_sides
from infra.fake_exchange.fault import FaultContext
from infra.fake_exchange.faults import FAULTS, OK, FaultPlan
from infra.fake_exchange.markets import MARKETS, USDM, FakeMarket
from infra.fake_exchange.queries import Query, parse_query
from infra.fake_exchange.responses import Response, api_error

_INVALID_SYMBOL = api_error(400, -1121, "Invalid symbol.")


class Outcome(NamedTuple):
    """A parsed request, its response, the weight used so far, and the fault that was applied (`ok` for none)."""

    query: Query
    response: Response
    used_weight: int
    fault: str = OK


class WeightLimiter:
    """Counts the weight of one IP on one market. `limit` 0 is no limit; rejected requests cost weight, too."""

    def __init__(self, market: FakeMarket, limit: int | None) -> None:
        self.limit = market.weight_limit if limit is None else limit
        self.used = self._minute = 0
        self._too_much = market.too_much_weight.format(limit=self.limit)

    def charge(self, weight: int, now_seconds: float) -> Response | None:
        """Charge one request made at `now_seconds` since the epoch; the response where it is rejected."""
        minute, seconds = divmod(now_seconds, 60)
        if minute != self._minute:
            self._minute, self.used = int(minute), 0
        self.used += weight
        if not self.limit or self.used <= self.limit:
            return None
        return api_error(429, -1003, self._too_much, ("Retry-After", str(math.ceil(60 - seconds))))


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
        self._limiters = {market: WeightLimiter(market, weight_limit) for market in MARKETS}
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
            for symbol in self._symbols:
                self._book(market, symbol, 1, 0)

    def respond(self, method: str, target: str) -> Outcome:
        """The response to a request made now."""
        query, now_seconds = parse_query(method, target), self._clock()
        limiter = self._limiters[query.market]
        if error := limiter.charge(query.weight, now_seconds) or query.error:
            return Outcome(query, error, limiter.used)
        return self._depth(query, now_seconds, limiter)

    def _depth(self, query: Query, now_seconds: float, limiter: WeightLimiter) -> Outcome:
        market, symbol, limit = query.market, query.symbol, query.limit
        if symbol not in self._symbols or (market is not USDM and is_dated(symbol)):
            return Outcome(query, _INVALID_SYMBOL, limiter.used)
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
                weight_limit=limiter.limit,
                parameter=fault.parameter,
            )
            response = FAULTS[fault.name].apply(context)
        return Outcome(query, response, limiter.used, fault.name)

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
