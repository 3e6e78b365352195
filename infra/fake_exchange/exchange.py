"""The fake exchange as programs use it: a server in a thread, with a log of its requests."""

import asyncio
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

from infra.fake_exchange.api import Api, Outcome
from infra.fake_exchange.books import DEFAULT_SYMBOLS, FakeBook
from infra.fake_exchange.faults import FaultPlan
from infra.fake_exchange.queries import is_valid_symbol
from infra.fake_exchange.responses import Response, encode
from infra.testkit.server import Answer, HttpServer, Request, hang, refuse


class LoggedRequest(NamedTuple):
    """One request and its response. Header names are in lower case."""

    wall_seconds: float
    connection: int
    path: str
    symbol: str
    limit: int
    host: str
    headers: Mapping[str, str]
    status: int  # 0 where no response was sent
    fault: str  # `ok`, a key of FAULTS, or what happened to a connection when it was used again: `closed` or `hung`
    body: bytes  # before compression and as if all of it were delivered
    retry_after: str | None = None


class FakeExchange(HttpServer):
    """A synthetic Binance on 127.0.0.1, spot and USD-M futures, within `with`.

    `books` lists pairs whose book does not change, on both markets. `tick_ms` is the time between changes of the others
    (0: none), `weight_limit` the weight per minute (0: no limit; None: that of each market), `keep_requests` how many
    of the latest requests are logged. `gzip` compresses for clients that accept it. `clock` gives epoch seconds. For
    `script`, see `faults`.
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
        symbols = (*symbols, *(books or {}))
        if invalid := [symbol for symbol in symbols if not is_valid_symbol(symbol)]:
            raise ValueError(f"A symbol is 1 to 50 letters other than a-z, digits, -, _ or .; {invalid[0]!r} is not.")
        super().__init__(port, ssl_context)
        self._latency_seconds, self._gzip = latency_ms / 1000, gzip
        self._plan = FaultPlan(fault_rate, fault_seed, faults)
        self._plan.script(script)
        self._api = Api(seed=seed, tick_ms=tick_ms, weight_limit=weight_limit, fault_plan=self._plan, clock=clock)
        self._api.symbols.update(symbols)
        self._api.fixed_books.update(books or {})
        self._clock = clock
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

    async def respond(self, connection: int, request: Request, unanswered: str) -> Answer:
        """Answer a request, and log it with its response or why it has none."""
        if self._latency_seconds:
            await asyncio.sleep(self._latency_seconds)
        with self._lock:
            outcome = self._api.respond(request.method, request.target, unanswered)
            now = self._clock()
            self._log.append(_logged(connection, request, outcome, now))
        if unanswered:
            return Answer(b"", b"")
        response, used_weight = outcome.response, outcome.used_weight
        return encode(response, request, outcome.query.market, used_weight, _http_date(int(now)), gzip=self._gzip)


def _logged(connection: int, request: Request, outcome: Outcome, now_seconds: float) -> LoggedRequest:
    query, response = outcome.query, outcome.response
    if response.deliver in (hang, refuse):
        response = Response(0)
    host, retry_after = request.headers.get("host", ""), dict(response.headers).get("Retry-After")
    what = (query.path, query.symbol, query.limit, host, request.headers)
    return LoggedRequest(now_seconds, connection, *what, response.status, outcome.fault, response.body, retry_after)


@lru_cache(maxsize=2)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
