"""What every test stands on: no network but loopback, a clean environment, a clock that only tests move, servers."""

import os
import signal
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from archive import Archive, archives
from hypothesis import settings
from servers import moto

from handler.book import Book as ParsedBook
from handler.book import Snapshot
from handler.depth_body import parse_depth
from infra.exchange import Exchange
from infra.exchange.books import Book

settings.register_profile("quick", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

NOON = 1_795_262_400.0
"""Noon UTC in epoch seconds: a minute, an hour and every interval that divides them have just begun."""

BOOK = Book(bids=[("99.00000000", "2.00000000"), ("98.00000000", "1.00000000")], asks=[("101.00000000", "1.00000000")])
BODY = b'{"lastUpdateId":1,"bids":[["99.00","2.00"],["98.00","1.00"]],"asks":[["101.00","1.00"]]}'

OUTSIDE = ("OBI_", "AWS_", "MPL", "POWERTOOLS_")
OUTSIDE_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
OUTSIDE_TLS = ("SSL_CERT_FILE", "SSL_CERT_DIR")
OUTSIDE_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "NETRC")
"""Variables that name a file of the developer's home folder."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test can connect to anything but this machine."""
    for item in items:
        item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the developer has set reaches a test."""
    for name in list(os.environ):
        if name.upper().startswith(OUTSIDE) or name.upper() in OUTSIDE_NAMES + OUTSIDE_TLS:
            monkeypatch.delenv(name)
    for name in OUTSIDE_FILES:
        monkeypatch.setenv(name, os.devnull)


@pytest.fixture(autouse=True)
def _signals_reach_children() -> Iterator[None]:
    """A shell's background jobs ignore SIGINT, those of nohup SIGHUP, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGHUP), before, strict=True):
        signal.signal(number, handler)


class FakeClock:
    """Two clocks that stand still but for `sleep` and `advance`; what was slept is on record. Threads may share it."""

    def __init__(self, monotonic: float = 1000.0, time: float = NOON, oversleep: float = 0.0) -> None:
        self.slept: list[float] = []
        self._monotonic, self._time, self._oversleep = monotonic, time, oversleep
        self._lock = threading.Lock()

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
        """Step the wall clock by so much, as an administrator or NTP does."""
        with self._lock:
            self._time += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


StartExchange = Callable[..., Exchange]


@pytest.fixture
def start_exchange(clock: FakeClock) -> Iterator[StartExchange]:
    """Start a stand-in exchange that lists BTCUSDT with BOOK, fails by this script, and lives by the fake clock."""
    with ExitStack() as running:

        def start(*script: str, **options: Any) -> Exchange:
            options = {"symbols": (), "books": {"BTCUSDT": BOOK}, "clock": clock.time, **options}
            return running.enter_context(Exchange(script=script, **options))

        yield start


@pytest.fixture
def exchange(start_exchange: StartExchange) -> Exchange:
    """A stand-in exchange that works, until a test scripts it."""
    return start_exchange()


def http(status: str, body: bytes = b"", **headers: str) -> bytes:
    """An answer as it goes over the wire; `Retry_After="3"` is the header Retry-After."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class RawServer(socketserver.ThreadingTCPServer):
    """Answers each connection with the next of some raw bytes (the last one again and again) and closes it."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *answers: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _RawHandler)
        self.answers = list(answers)
        self.heads: list[str] = []
        """What was asked so far: request line and headers."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _RawHandler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        head = b"".join(iter(self.rfile.readline, b"\r\n")).decode("latin-1")
        self.server.heads.append(head)
        answers = self.server.answers
        self.wfile.write(answers.pop(0) if len(answers) > 1 else answers[0])


StartRaw = Callable[..., RawServer]


@pytest.fixture
def start_raw() -> Iterator[StartRaw]:
    """Start a server that answers with these bytes, whatever it is asked."""
    with ExitStack() as running:

        def start(*answers: bytes) -> RawServer:
            server = running.enter_context(RawServer(*answers))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            return server

        yield start


@pytest.fixture
def dead_url() -> Iterator[str]:
    """A URL on this machine that refuses connections."""
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler, bind_and_activate=False) as server:
        server.server_bind()  # holds the port, but never listens
        yield f"http://127.0.0.1:{server.server_address[1]}"


class FakeExchange:
    """What the sampler needs of an exchange: gives the book of BODY, unless `act`, which is called first, does else.

    `act` takes the pair; it may raise, wait, move the clock, or return another book.
    """

    def __init__(self, clock: FakeClock, act: Callable[[str], object] = lambda symbol: None) -> None:
        self.asked: list[tuple[str, int]] = []
        self.moments: list[float] = []
        """When it was asked, on the monotonic clock."""
        self.act = act
        self._clock = clock

    def depth(self, symbol: str, limit: int, deadline: float, /) -> Snapshot:
        self.asked.append((symbol, limit))
        self.moments.append(self._clock.monotonic())
        other = self.act(symbol)
        book = other if isinstance(other, ParsedBook) else parse_depth(BODY)
        return Snapshot(book, "127.0.0.1", self._clock.time(), 1.5)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(scope="module")
def new_archive(moto_url: str) -> Iterator[Callable[[], Archive]]:
    with archives(moto_url) as new:
        yield new


@pytest.fixture
def archive(new_archive: Callable[[], Archive]) -> Archive:
    return new_archive()
