"""Request → response: the exchange itself, without sockets and threads. Pure, given a clock."""

import math
from collections.abc import Callable
from typing import NamedTuple

from infra.fake_exchange.books import FakeBook, depth_body, pair_books, render_sides
from infra.fake_exchange.fault import FaultContext
from infra.fake_exchange.faults import FAULTS, OK, FaultPlan
from infra.fake_exchange.markets import MARKETS, FakeMarket
from infra.fake_exchange.queries import Query, parse_query
from infra.fake_exchange.responses import Response, api_error

_INVALID_SYMBOL = api_error(400, -1121, "Invalid symbol.")


class Outcome(NamedTuple):
    """A parsed request, its response, the weight used so far, and the fault that was applied (`ok` for none)."""

    query: Query
    response: Response
    used_weight: int = 0
    fault: str = OK


class WeightLimiter:
    """Counts the weight of one IP on one market; limit 0: without end. Rejected requests cost weight, too."""

    def __init__(self, market: FakeMarket, limit: int | None) -> None:
        self.limit = market.weight_limit if limit is None else limit
        self.used, self._minute = 0, 0.0
        self._too_much = market.too_much_weight.format(limit=self.limit)

    def charge(self, weight: int, now_seconds: float) -> Response | None:
        """Charge one request made at `now_seconds` since the epoch; the response where it is rejected."""
        minute, seconds = divmod(now_seconds, 60)
        if minute != self._minute:
            self._minute, self.used = minute, 0
        self.used += weight
        if not self.limit or self.used <= self.limit:
            return None
        return api_error(429, -1003, self._too_much, ("Retry-After", str(math.ceil(60 - seconds))))


class Api:
    """The exchange: listed pairs, their books over time, limits, and faults."""

    def __init__(
        self, *, seed: int, tick_ms: float, weight_limit: int | None, fault_plan: FaultPlan, clock: Callable[[], float]
    ) -> None:
        self.symbols: set[str] = set()
        self.fixed_books: dict[str, FakeBook] = {}
        self._seed, self._tick_ms, self._fault_plan = seed, tick_ms, fault_plan
        self._limiters = {market: WeightLimiter(market, weight_limit) for market in MARKETS}
        self._clock, self._started_seconds = clock, clock()
        self._rendered: dict[tuple[FakeMarket, str, int], tuple[int, FakeBook, bytes]] = {}

    def respond(self, method: str, target: str, unanswered: str) -> Outcome:
        """The response to a request made now; none where it stays unanswered."""
        query, now_seconds = parse_query(method, target), self._clock()
        if unanswered:
            return Outcome(query, Response(0), fault=unanswered)
        market, limiter = query.market, self._limiters[query.market]
        error = limiter.charge(query.weight, now_seconds) or query.error
        if not error and query.symbol not in self.symbols:
            error = _INVALID_SYMBOL
        if error:
            return Outcome(query, error, limiter.used)
        book, sides = self._render(query, self._step(now_seconds))
        body = depth_body(book.last_update_id, market.times(now_seconds), sides)
        response, fault = Response(200, body), self._fault_plan.next(query.symbol)
        if fault.name != OK:
            context = FaultContext(market, response, book, self._book(query, 0), now_seconds, fault.parameter)
            response = FAULTS[fault.name].apply(context)
        return Outcome(query, response, limiter.used, fault.name)

    def _step(self, now_seconds: float) -> int:
        if not self._tick_ms:
            return 0
        # Epoch seconds as a float are precise to a microsecond: without 1e-3, a tick later may be the same step.
        return max(0, int((now_seconds - self._started_seconds) * 1000 / self._tick_ms + 1e-3))

    def _book(self, query: Query, step: int) -> FakeBook:
        if fixed := self.fixed_books.get(query.symbol):
            return fixed.top(query.limit)
        return pair_books(query.market, query.symbol, self._seed).book(step, query.limit)

    def _render(self, query: Query, step: int) -> tuple[FakeBook, bytes]:
        """The book, and its sides as bytes, cached until the next step."""
        key = query.market, query.symbol, query.limit
        if key not in self._rendered or self._rendered[key][0] != step:
            book = self._book(query, step)
            self._rendered[key] = step, book, render_sides(book)
        return self._rendered[key][1:]
