"""What every test stands on: no network but loopback, a clean environment, a clock that only tests move, servers."""

import os
import re
import signal
import socketserver
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import settings
from support.fakes import BOOK, FakeClock, RawServer, StartExchange, StartRaw
from support.servers import moto
from support.tables import StoredTable, new_table

from infra.fake_exchange import FakeExchange
from infra.testkit.table_proxy import TableProxy

settings.register_profile("quick", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

OUTSIDE = re.compile(r"(OBI_|AWS_|MPL|POWERTOOLS_|SSL_CERT_).*|.*_(PROXY|CA_BUNDLE)", re.IGNORECASE)
OUTSIDE_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "NETRC")  # of the developer's home folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test can connect to anything but this machine."""
    for item in items:
        item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the developer has set reaches a test."""
    for name in filter(OUTSIDE.fullmatch, list(os.environ)):
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


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start_exchange(clock: FakeClock) -> Iterator[StartExchange]:
    """Start a stand-in exchange that lists BTCUSDT with BOOK, fails by this script, and lives by the fake clock."""
    with ExitStack() as running:

        def start(*script: str, **options: Any) -> FakeExchange:
            options = {"symbols": (), "books": {"BTCUSDT": BOOK}, "clock": clock.time, **options}
            return running.enter_context(FakeExchange(script=script, **options))

        yield start


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    """A stand-in exchange that works, until a test scripts it."""
    return start_exchange()


@pytest.fixture
def start_raw() -> Iterator[StartRaw]:
    """Start a server that answers with these bytes, whatever it is asked."""
    with ExitStack() as running:

        def start(*answers: bytes) -> RawServer:
            return running.enter_context(RawServer(*answers))

        yield start


@pytest.fixture
def dead_url() -> Iterator[str]:
    """A URL on this machine that refuses connections."""
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler, bind_and_activate=False) as server:
        server.server_bind()  # holds the port, but never listens
        yield f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(scope="module")
def url(moto_url: str) -> str:
    """Where new tables are."""
    return moto_url


@pytest.fixture
def stored(url: str) -> Iterator[StoredTable]:
    """A new table."""
    with new_table(url) as table:
        yield table


@pytest.fixture
def proxy(url: str) -> Iterator[TableProxy]:
    """On the way to the tables: one request at a time, since moto checks a condition and writes in two steps."""
    with TableProxy(url) as found:
        yield found
