"""Fakes that the tests pass in, and a server that sends raw bytes."""

import json
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any, TypeVar

import pytest

from handler.book import Book, Snapshot, parse_depth
from handler.clock import Clock
from handler.exchange.client import BinanceClient
from handler.exchange.markets import MARKETS
from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import FakeBook
from infra.fake_exchange.deliveries import close_afterwards
from infra.testkit.server import Answer, Connection, HttpServer, Request

NOON = 1_795_262_400.0
"""Noon UTC in epoch seconds: a minute, an hour and every interval that divides them have just begun."""

BOOK = FakeBook(
    bids=[("99.00000000", "2.00000000"), ("98.00000000", "1.00000000")], asks=[("101.00000000", "1.00000000")]
)

StartExchange = Callable[..., FakeExchange]
AnyServer = TypeVar("AnyServer", bound=socketserver.BaseServer)


class FakeClock:
    """Two clocks that stand still but for `sleep` and `advance`; what was slept is on record. Threads may share it."""

    def __init__(self, oversleep: float = 0.0) -> None:
        self.slept: list[float] = []
        self._monotonic, self._time, self._oversleep = 1.0, NOON, oversleep  # as on a machine that has just started
        self._lock = Lock()

    def monotonic(self) -> float:
        return self._monotonic

    def time(self) -> float:
        return self._time

    def sleep(self, seconds: float, /) -> None:
        with self._lock:
            self.slept.append(seconds)
        self.advance(max(seconds + self._oversleep, seconds / 2))

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._monotonic += seconds
            self._time += seconds

    def set_wall(self, seconds: float) -> None:
        with self._lock:
            self._time += seconds


def client(clock: Clock, *base_urls: str, **options: Any) -> BinanceClient:
    """A client of the spot market on these hosts, whose pauses are the shortest that chance allows."""
    return BinanceClient(MARKETS["spot"], base_urls, clock=clock, random=lambda: 0.0, **options)


def fetch(exchange: BinanceClient, clock: Clock, symbol: str = "BTCUSDT", slot: float = 60.0) -> Snapshot:
    """Fetch five levels in a slot of so many seconds."""
    return exchange.depth(symbol, 5, clock.monotonic() + slot)


def forbid_threads(monkeypatch: pytest.MonkeyPatch, name: str = "") -> None:
    """Let no thread be started, as at the limit of processes; with a name, none of that name."""

    def start(thread: Thread, real_start: Callable[[Thread], None] = Thread.start) -> None:
        if not name or thread.name == name:
            raise RuntimeError("can't start new thread")
        real_start(thread)

    monkeypatch.setattr(Thread, "start", start)


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> Book:
    """A book of these levels."""
    return parse_depth(json.dumps({"lastUpdateId": 1, "bids": bids, "asks": asks}).encode())


def http(status: str, body: bytes = b"", **headers: str) -> bytes:
    """A response as it goes over the wire; `Retry_After="3"` is the header Retry-After."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextmanager
def serving(server: AnyServer) -> Iterator[AnyServer]:
    """Run a server in a thread of its own."""
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class RawServer(HttpServer):
    """Answers each connection with the next of some raw bytes (the last one again and again) and closes it."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = list(answers)
        self.heads: list[str] = []
        """The heads of the requests so far: request line and headers."""

    def respond(self, connection: Connection, request: Request) -> Answer:
        self.heads.append(request.head)
        return Answer(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], b"", close_afterwards)


StartRaw = Callable[..., RawServer]


class StubExchange:
    """An exchange for the sampler: gives a known book, unless `act`, which is called first, does otherwise.

    `act` takes the pair; it may raise, wait, move the clock, or return another book.
    """

    def __init__(self, clock: Clock, act: Callable[[str], object] = lambda symbol: None) -> None:
        self.requests: list[tuple[str, int]] = []
        self.moments: list[float] = []  # when each request came, on the monotonic clock
        self.deadlines: list[float] = []
        self.overdue_ended = 0
        self.act = act
        self._clock = clock

    def depth(self, symbol: str, limit: int, deadline: float, /) -> Snapshot:
        self.requests.append((symbol, limit))
        self.moments.append(self._clock.monotonic())
        self.deadlines.append(deadline)
        other = self.act(symbol)
        found = other if isinstance(other, Book) else book([("99", "2"), ("98", "1")], [("101", "1")])
        return Snapshot(found, "127.0.0.1", self._clock.time(), 1.5)

    def end_overdue(self) -> None:
        """Note the call."""
        self.overdue_ended += 1
