"""The exchange as a program uses it: a server in a thread, with a log of what it was asked."""

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

from infra.fake_exchange.answers import Answer
from infra.fake_exchange.api import Api, Outcome
from infra.fake_exchange.asked import Asked, asked
from infra.fake_exchange.books import Book
from infra.fake_exchange.http11 import Request
from infra.fake_exchange.limits import WEIGHT_LIMIT
from infra.fake_exchange.pairs import DEFAULT_SYMBOLS, is_legal
from infra.fake_exchange.plan import Plan
from infra.fake_exchange.queries import understand
from infra.fake_exchange.server import Connection


class Exchange:
    """A synthetic Binance spot exchange on 127.0.0.1, from `with` (or `start`) to its end (or `stop`).

    `books` lists pairs whose book stays as given. `tick_ms` is the time between steps of the walk (0: it stands still),
    `weight_limit` the weight per minute (0: no limit), `keep_requests` how many of the latest requests `requests` has.
    `gzip` compresses for clients that accept it. `clock` gives seconds since the epoch. Faults: see `plan` for how to
    write them and `faults` for their names.
    """

    def __init__(
        self,
        symbols: Iterable[str] = DEFAULT_SYMBOLS,
        *,
        books: Mapping[str, Book] | None = None,
        port: int = 0,
        seed: int = 0,
        tick_ms: float = 100,
        latency_ms: float = 0,
        weight_limit: int = WEIGHT_LIMIT,
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
        if illegal := [symbol for symbol in (*symbols, *books) if not is_legal(symbol)]:
            raise ValueError(f"A symbol is 1 to 50 letters other than a-z, digits, -, _ or .; {illegal[0]!r} is not.")
        self.latency_seconds, self.gzip = latency_ms / 1000, gzip
        self.connections: set[Connection] = set()
        self._plan = Plan(fault_rate, fault_seed, faults)
        self._plan.script(script)
        self._api = Api(
            symbols, books, seed=seed, tick_ms=tick_ms, weight_limit=weight_limit, plan=self._plan, clock=clock
        )
        self._port, self._ssl_context, self._clock = port, ssl_context, clock
        self._log: deque[Asked] = deque(maxlen=keep_requests)
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._stop: Callable[[], object] | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before the start, the one it was asked to."""
        return self._port

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[Asked]:
        """What was asked so far, oldest first."""
        with self._lock:
            return list(self._log)

    def script(self, entries: Iterable[str], symbol: str | None = None) -> None:
        """Set what goes wrong with the coming depth requests, of one pair or of those without a script."""
        with self._lock:
            self._plan.script(entries, symbol)

    def delist(self, symbol: str) -> None:
        """Forget a pair: from now on it is an invalid symbol."""
        with self._lock:
            self._api.delist(symbol)

    def list_book(self, symbol: str, book: Book) -> None:
        """Give a pair, new or old, a book that stays as it is."""
        with self._lock:
            self._api.list_book(symbol, book)

    def prepare(self) -> None:
        """Build all books now (a few milliseconds each) and not at the first request for each: for benchmarks."""
        self._api.prepare()

    def start(self) -> None:
        """Listen. OSError where the port is in use."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        self._port = listener.getsockname()[1]
        started = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener, started)), daemon=True)
        thread.start()
        started.wait()
        self._thread = thread

    def stop(self) -> None:
        """Drop every connection and listen no longer."""
        if self._stop:
            self._stop()
            self._thread.join()
            self._stop = None

    def __enter__(self) -> "Exchange":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def answer(self, connection: int, request: Request) -> tuple[Answer, int]:
        """Called by a connection: what to answer, and the weight used so far."""
        with self._lock:
            outcome = self._api.answer(request.method, request.target)
            if self._log.maxlen:
                self._log.append(asked(connection, request, outcome, self._clock()))
        return outcome.answer, outcome.used_weight

    def missed(self, connection: int, request: Request) -> None:
        """Called by a connection that closes instead of answering."""
        outcome = Outcome(understand(request.method, request.target), Answer(0), 0, "closed")
        with self._lock:
            self._log.append(asked(connection, request, outcome, self._clock()))

    def date(self) -> str:
        """Now, as the Date header has it."""
        return _http_date(int(self._clock()))

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(
            lambda: Connection(self, next(self._numbers)), sock=listener, ssl=self._ssl_context, backlog=1024
        )
        self._stop = partial(loop.call_soon_threadsafe, stopped.set)
        started.set()
        await stopped.wait()
        # First no new connections, then the end of the old: one accepted a moment ago takes some rounds of the loop to
        # appear, and Python 3.13 stumbles over one that appears after the server is closed.
        loop.remove_reader(listener)
        for _ in range(10):
            for connection in tuple(self.connections):
                connection.abort()
            await asyncio.sleep(0)
        server.close()


@lru_cache(maxsize=2)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
