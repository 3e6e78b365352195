"""The fake exchange as programs use it: a server in a thread, with a log of its requests."""

import asyncio
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache, partial
from itertools import count
from typing import NamedTuple

from infra.fake_exchange.api import Api, Outcome
from infra.fake_exchange.books import DEFAULT_SYMBOLS, FakeBook
from infra.fake_exchange.connection import Connection
from infra.fake_exchange.faults import FaultPlan
from infra.fake_exchange.queries import is_valid_symbol, parse_query
from infra.fake_exchange.responses import Request, Response
from infra.fake_exchange.wire_faults import hang, refuse


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


class FakeExchange:
    """A synthetic Binance on 127.0.0.1, spot and USD-M futures, from `with` (or `start`) to its end (or `stop`).

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
        self.port, self.latency_seconds, self.gzip = port, latency_ms / 1000, gzip
        self._connections: set[Connection] = set()
        self._plan = FaultPlan(fault_rate, fault_seed, faults)
        self._plan.script(script)
        self._api = Api(seed=seed, tick_ms=tick_ms, weight_limit=weight_limit, fault_plan=self._plan, clock=clock)
        self._api.symbols.update(symbols)
        self._api.fixed_books.update(books or {})
        self._ssl_context, self._clock = ssl_context, clock
        self._log: deque[LoggedRequest] = deque(maxlen=keep_requests)
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._stop: Callable[[], object] | None = None

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """The logged requests, oldest first."""
        with self._lock:
            return list(self._log)

    def script(self, entries: Iterable[str], symbol: str | None = None) -> None:
        """Set the faults of the next depth requests, for one pair or for all without a script of their own."""
        with self._lock:
            self._plan.script(entries, symbol)

    def delist(self, symbol: str) -> None:
        """Remove a pair: from now on it is an invalid symbol."""
        with self._lock:
            self._api.symbols.discard(symbol)

    def list_book(self, symbol: str, book: FakeBook) -> None:
        """Give a new or listed pair a book that does not change."""
        with self._lock:
            self._api.list_book(symbol, book)

    def start(self) -> None:
        """Listen. Raises OSError if the port is in use."""
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener, started)), daemon=True)
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._stop:
            self._stop()
            self._thread.join()
            self._stop = None

    def __enter__(self) -> "FakeExchange":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def respond(self, connection: int, request: Request, unanswered: str = "") -> Outcome:
        """Called by a connection: the response, or in the log why there is none."""
        with self._lock:
            if unanswered:
                outcome = Outcome(parse_query(request.method, request.target), Response(0), fault=unanswered)
            else:
                outcome = self._api.respond(request.method, request.target)
            self._log.append(_logged(connection, request, outcome, self._clock()))
        return outcome

    def date(self) -> str:
        """The value of the Date header."""
        return _http_date(int(self._clock()))

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, sock=listener, ssl=self._ssl_context, backlog=1024)
        self._stop = partial(loop.call_soon_threadsafe, stopped.set)
        started.set()
        await stopped.wait()
        # Stop accepting before closing: a connection accepted just now takes some iterations of the loop to appear, and
        # Python 3.13 fails on one that appears after the server is closed.
        loop.remove_reader(listener)
        for _ in range(10):
            for connection in tuple(self._connections):
                connection.abort(reset=False)
            await asyncio.sleep(0)
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, next(self._numbers), reader, writer)
        self._connections.add(connection)
        with suppress(asyncio.CancelledError):  # the exchange stops while this connection waits
            await connection.serve()
        self._connections.discard(connection)


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
