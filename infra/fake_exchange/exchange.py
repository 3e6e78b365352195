"""The fake exchange as programs use it: listed pairs, their books over time, limits, faults, and a log of requests."""

import math
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import formatdate
from typing import NamedTuple

from infra.fake_exchange.answers import Query, Response, api_error, encode, parse_query
from infra.fake_exchange.books import DEFAULT_SYMBOLS, FakeBook, depth_body, pair_books, render_sides
from infra.fake_exchange.faults import FAULTS, FaultContext
from infra.fake_exchange.markets import MARKETS, FakeMarket
from infra.fake_exchange.script import OK, FaultPlan, PlannedFault
from infra.testkit.server import Answer, Connection, HttpServer, Request


class LoggedRequest(NamedTuple):
    """One request and its response."""

    wall_seconds: float
    connection: int
    path: str
    symbol: str
    status: int
    fault: str  # `ok` or a key of FAULTS
    body: bytes  # before compression and as if all of it were delivered
    retry_after: str | None


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
        return api_error(429, -1003, self._too_much, str(math.ceil(60 - seconds)))


class FakeExchange(HttpServer):
    """A synthetic Binance on 127.0.0.1, spot and USD-M futures, within `with`.

    `books` lists pairs whose book does not change, on both markets. `tick_ms` is the time between changes of the others
    (0: none), `weight_limit` the weight per minute (0: no limit; None: that of each market), `keep_requests` how many
    of the latest requests are logged. `gzip` compresses for clients that accept it. `clock` gives epoch seconds. For
    `script`, see `infra/fake_exchange/script.py`.
    """

    def __init__(
        self,
        symbols: Iterable[str] = DEFAULT_SYMBOLS,
        *,
        books: Mapping[str, FakeBook] | None = None,
        port: int = 0,
        seed: int = 0,
        tick_ms: float = 100,
        latency_ms: float = 0,
        weight_limit: int | None = None,
        gzip: bool = True,
        script: Iterable[str] = (),
        fault_rate: float = 0,
        fault_seed: int = 0,
        faults: Sequence[str] = (),
        ssl_context: ssl.SSLContext | None = None,
        keep_requests: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port, ssl_context)
        self._books = books or {}
        self._symbols = {*symbols, *self._books}
        self._seed, self._tick_ms, self._latency_seconds, self._gzip = seed, tick_ms, latency_ms / 1000, gzip
        self._clock, self._started_seconds = clock, clock()
        self._limiters = {market: WeightLimiter(market, weight_limit) for market in MARKETS}
        self._plan = FaultPlan(fault_rate, fault_seed, faults)
        self._plan.script(script)
        self._rendered: dict[tuple[FakeMarket, str, int], tuple[int, FakeBook, bytes]] = {}
        self._log: deque[LoggedRequest] = deque(maxlen=keep_requests)
        self._lock = threading.Lock()

    @property
    def requests(self) -> list[LoggedRequest]:
        """The logged requests, oldest first."""
        with self._lock:
            return list(self._log)

    def script(self, entries: Iterable[str], symbol: str | None = None) -> None:
        """Set the faults of the next depth requests, for one pair or for all without a script of their own."""
        with self._lock:
            self._plan.script(entries, symbol)

    def respond(self, connection: Connection, request: Request) -> Answer:
        """Answer a request, and log it with its response."""
        if self._latency_seconds:
            time.sleep(self._latency_seconds)
        query = parse_query(request.method, request.target)
        with self._lock:
            now_seconds, limiter = self._clock(), self._limiters[query.market]
            response, fault = self._response(query, now_seconds, connection.next_fault)
            asked = (now_seconds, connection.number, query.path, query.symbol)
            answered = (response.status, fault, response.body, response.headers.get("Retry-After"))
            self._log.append(LoggedRequest(*asked, *answered))
            used_weight = limiter.used
        date = formatdate(now_seconds, usegmt=True)
        return encode(response, request, query.market, used_weight, date, gzip=self._gzip)

    def _response(self, query: Query, now_seconds: float, fault_name: str) -> tuple[Response, str]:
        """The response to a query, and the name of the fault that was applied."""
        error = self._limiters[query.market].charge(query.weight, now_seconds) or query.error
        if not error and query.symbol not in self._symbols:
            error = api_error(400, -1121, "Invalid symbol.")
        if error:
            return error, OK
        book, sides = self._render(query, now_seconds)
        response = Response(200, depth_body(book.last_update_id, query.market.times(now_seconds), sides))
        fault = PlannedFault(fault_name) if fault_name else self._plan.next(query.symbol)
        if fault.name != OK:
            context = FaultContext(query.market, response, book, now_seconds, fault.parameter)
            response = FAULTS[fault.name].apply(context)
        return response, fault.name

    def _render(self, query: Query, now_seconds: float) -> tuple[FakeBook, bytes]:
        """The book, and its sides as bytes, cached until the next step."""
        # Epoch seconds as a float are precise to a microsecond: without 1e-3, a tick later may be the same step.
        elapsed_ms = (now_seconds - self._started_seconds) * 1000
        step = max(0, int(elapsed_ms / self._tick_ms + 1e-3)) if self._tick_ms else 0
        key = query.market, query.symbol, query.limit
        if key not in self._rendered or self._rendered[key][0] != step:
            if fixed := self._books.get(query.symbol):
                book = fixed.top(query.limit)
            else:
                book = pair_books(query.market, query.symbol, self._seed).book(step, query.limit)
            self._rendered[key] = step, book, render_sides(book)
        return self._rendered[key][1:]
