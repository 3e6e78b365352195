"""The fake exchange as programs use it: a server in a thread, with a log of its requests."""

import asyncio
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache, partial
from itertools import count
from types import TracebackType

from infra.fake_exchange.api import Api, Outcome
from infra.fake_exchange.books import FakeBook
from infra.fake_exchange.fault_plan import FaultPlan
from infra.fake_exchange.http11 import Request
from infra.fake_exchange.pairs import DEFAULT_SYMBOLS, is_valid_symbol
from infra.fake_exchange.queries import parse_query
from infra.fake_exchange.request_log import LoggedRequest, logged_request
from infra.fake_exchange.responses import Response
from infra.fake_exchange.server import Connection


class FakeExchange:
    """A synthetic Binance on 127.0.0.1, spot and USD-M futures, from `with` (or `start`) to its end (or `stop`).

    `books` lists pairs whose book does not change, on both markets. `tick_ms` is the time between changes of the others
    (0: none), `weight_limit` the weight per minute (0: no limit; None: that of each market), `keep_requests` how many
    of the latest requests are logged. `gzip` compresses for clients that accept it. `clock` gives epoch seconds. For
    `script`, see `fault_plan`.
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
        symbols, books = tuple(symbols), books or {}
        if invalid := [symbol for symbol in (*symbols, *books) if not is_valid_symbol(symbol)]:
            raise ValueError(f"A symbol is 1 to 50 letters other than a-z, digits, -, _ or .; {invalid[0]!r} is not.")
        self.latency_seconds, self.gzip = latency_ms / 1000, gzip
        self.connections: set[Connection] = set()
        self._fault_plan = FaultPlan(fault_rate, fault_seed, faults)
        self._fault_plan.script(script)
        self._api = Api(
            symbols,
            books,
            seed=seed,
            tick_ms=tick_ms,
            weight_limit=weight_limit,
            fault_plan=self._fault_plan,
            clock=clock,
        )
        self._port, self._ssl_context, self._clock = port, ssl_context, clock
        self._log: deque[LoggedRequest] = deque(maxlen=keep_requests)
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._stop: Callable[[], object] | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before the start, the requested one."""
        return self._port

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """The logged requests, oldest first."""
        with self._lock:
            return list(self._log)

    def script(self, entries: Iterable[str], symbol: str | None = None) -> None:
        """Set the faults of the next depth requests, for one pair or for all without a script of their own."""
        with self._lock:
            self._fault_plan.script(entries, symbol)

    def delist(self, symbol: str) -> None:
        """Remove a pair: from now on it is an invalid symbol."""
        with self._lock:
            self._api.delist(symbol)

    def list_book(self, symbol: str, book: FakeBook) -> None:
        """Give a new or listed pair a book that does not change."""
        with self._lock:
            self._api.list_book(symbol, book)

    def prepare(self) -> None:
        """Build all books now (a few milliseconds each), not at the first request for each: for benchmarks."""
        self._api.prepare()

    def start(self) -> None:
        """Listen. Raises OSError if the port is in use."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        self._port = listener.getsockname()[1]
        started = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener, started)), daemon=True)
        thread.start()
        started.wait()
        self._thread = thread

    def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._stop:
            self._stop()
            self._thread.join()
            self._stop = None

    def __enter__(self) -> "FakeExchange":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def respond(self, connection: int, request: Request) -> Outcome:
        """Called by a connection: the response, what was requested, and the weight used so far."""
        with self._lock:
            outcome = self._api.respond(request.method, request.target)
            if self._log.maxlen:
                self._log.append(logged_request(connection, request, outcome, self._clock()))
        return outcome

    def log_unanswered(self, connection: int, request: Request) -> None:
        """Called by a connection that closes instead of responding."""
        outcome = Outcome(parse_query(request.method, request.target), Response(0), 0, "closed")
        with self._lock:
            self._log.append(logged_request(connection, request, outcome, self._clock()))

    def date(self) -> str:
        """The value of the Date header."""
        return _http_date(int(self._clock()))

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(
            lambda: Connection(self, next(self._numbers)), sock=listener, ssl=self._ssl_context, backlog=1024
        )
        self._stop = partial(loop.call_soon_threadsafe, stopped.set)
        started.set()
        await stopped.wait()
        # Stop accepting before closing: a connection accepted just now takes some iterations of the loop to appear, and
        # Python 3.13 fails on one that appears after the server is closed.
        loop.remove_reader(listener)
        for _ in range(10):
            for connection in tuple(self.connections):
                connection.abort()
            await asyncio.sleep(0)
        server.close()


@lru_cache(maxsize=2)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
