"""How a request travels: kept connections, no redirects, no endless answers, proxies."""

import gzip
import socket
import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from support.fakes import BODY, FakeClock, StartExchange, StartRaw, http, spot_client

import handler
from handler.book import Snapshot
from handler.errors import BookUnavailable
from handler.exchanges.http import MAX_BODY_BYTES
from infra.fake_exchange import FakeExchange

GUARD_SECONDS = 20.0
"""Nothing here takes a second; whatever takes this long would have gone on for ever."""


def fetch(url: str, clock: FakeClock, slot: float = 60.0) -> Snapshot:
    return spot_client(url, clock=clock, random=lambda: 0.0).depth("BTCUSDT", 5, clock.monotonic() + slot)


def test_tests_can_reach_nothing_but_this_machine(clock: FakeClock) -> None:
    with pytest.warns(UserWarning, match=r"192\.0\.2\.1"), pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        fetch("http://192.0.2.1", clock)


def test_the_user_agent_names_the_project_and_its_version(exchange: FakeExchange, clock: FakeClock) -> None:
    fetch(exchange.url, clock)
    assert exchange.requests[0].headers["user-agent"] == f"order-book-imbalance/{handler.__version__}"


def test_a_base_url_may_have_a_path(start_raw: StartRaw, clock: FakeClock) -> None:
    server = start_raw(http("200 OK", BODY))
    fetch(f"{server.url}/mirror", clock)
    assert server.heads[0].startswith("GET /mirror/api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1\r\n")


def test_connections_are_kept(exchange: FakeExchange, clock: FakeClock) -> None:
    binance = spot_client(exchange.url, clock=clock)
    for _ in range(3):
        binance.depth("BTCUSDT", 5, 1060.0)
    assert len({asked.connection for asked in exchange.requests}) == 1


@pytest.mark.parametrize("fault", ["close-reuse", "close-idle"])
def test_a_kept_connection_that_the_host_closed_is_replaced_at_once_and_not_counted(
    start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    exchange, other = start_exchange(fault, "ok", fault, "ok"), start_exchange()
    binance = spot_client(exchange.url, other.url, clock=clock)
    for _ in range(4):
        binance.depth("BTCUSDT", 5, 1060.0)
    assert [asked.fault for asked in exchange.requests if asked.fault != "closed"] == [fault, "ok", fault, "ok"]
    assert (other.requests, clock.slept) == ([], [])


def test_a_redirect_is_not_followed(exchange: FakeExchange, start_raw: StartRaw, clock: FakeClock) -> None:
    moved = f"{exchange.url}/api/v3/depth?symbol=BTCUSDT&limit=5"
    for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect"):
        with pytest.raises(BookUnavailable, match=f"answered HTTP {status[:3]}"):
            fetch(start_raw(http(status, Location=moved)).url, clock, slot=0.05)
    assert exchange.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: a\r\n" * 200 + b"\r\n",
        http("200 OK", b"no gzip", Content_Encoding="gzip"),
        http("200 OK", gzip.compress(BODY)[:-12], Content_Encoding="gzip"),
        http("200 OK", gzip.compress(b" " * (MAX_BODY_BYTES + 1) + BODY), Content_Encoding="gzip"),
        http("204 No Content"),
        http("304 Not Modified"),
    ],
    ids=range(11),
)
def test_whatever_else_comes_is_the_hosts_fault(start_raw: StartRaw, clock: FakeClock, answer: bytes) -> None:
    server = start_raw(answer, http("200 OK", BODY))
    assert fetch(server.url, clock).book.last_update_id == 1
    assert (len(server.heads), clock.slept) == (2, [0.1])


def test_a_compressed_body_is_read(start_exchange: StartExchange, clock: FakeClock) -> None:
    assert fetch(start_exchange(gzip=True).url, clock).book.last_update_id == 1


def test_a_body_without_end_is_left_alone_after_a_few_megabytes(
    start_exchange: StartExchange, clock: FakeClock
) -> None:
    with pytest.raises(BookUnavailable, match=f"larger than {MAX_BODY_BYTES} bytes"):
        fetch(start_exchange("huge=inf*").url, clock, slot=0.05)


@pytest.mark.parametrize("fault", ["hang*", "trickle=0.1*", "trickle-body=0.1*"])
def test_an_answer_that_never_ends_is_given_up_at_the_deadline(start_exchange: StartExchange, fault: str) -> None:
    """By the real clock: the whole answer would take a minute, a hang for ever."""
    exchange, start = start_exchange(fault), time.monotonic()
    with pytest.raises(BookUnavailable):
        spot_client(exchange.url).depth("BTCUSDT", 5, start + 0.6)
    assert time.monotonic() - start < GUARD_SECONDS


@pytest.mark.parametrize("fault", ["hang", "trickle-body=0.1"])
def test_a_try_that_hangs_leaves_half_of_the_time_for_another(start_exchange: StartExchange, fault: str) -> None:
    """By the real clock, too: it is the slot's time that is halved."""
    exchange = start_exchange(fault)
    snapshot = spot_client(exchange.url).depth("BTCUSDT", 5, time.monotonic() + 1.8)
    assert snapshot.book.last_update_id == 1
    assert [asked.fault for asked in exchange.requests] == [fault.partition("=")[0], "ok"]


@pytest.fixture
def _hanging_lookup(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The names under .test are looked up until the test is over."""
    never, look_up = Event(), socket.getaddrinfo

    def hang(host: str, *args: Any, **kwargs: Any) -> Any:
        if host.endswith(".test"):
            never.wait(60)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", hang)
    yield
    never.set()


@pytest.mark.usefixtures("_hanging_lookup")
def test_a_name_lookup_that_hangs_is_given_up_at_the_deadline() -> None:
    """By the real clock: a system's resolver may try for a minute, and cannot be told to stop."""
    start = time.monotonic()
    with pytest.raises(BookUnavailable, match="timed out"):
        spot_client("http://hung.test").depth("BTCUSDT", 5, start + 0.6)
    assert time.monotonic() - start < GUARD_SECONDS


@pytest.mark.usefixtures("_hanging_lookup")
def test_a_name_lookup_that_hangs_leaves_time_for_the_next_host(exchange: FakeExchange) -> None:
    snapshot = spot_client("http://hung.test", exchange.url).depth("BTCUSDT", 5, time.monotonic() + 1.8)
    assert snapshot.book.last_update_id == 1


def test_the_proxy_of_the_environment_is_asked(
    start_raw: StartRaw, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_raw(http("200 OK", BODY))
    monkeypatch.setenv("http_proxy", proxy.url)
    assert fetch("http://exchange.invalid", clock).host == "exchange.invalid"
    assert proxy.heads[0].startswith("GET http://exchange.invalid/api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1\r\n")


def test_the_proxy_of_the_environment_is_asked_for_a_tunnel(
    start_raw: StartRaw, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_raw(http("403 Forbidden"))
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(BookUnavailable, match="403 Forbidden"):
        fetch("https://exchange.invalid", clock, slot=0.05)
    assert proxy.heads[0].startswith("CONNECT exchange.invalid:443 HTTP/1.")


def test_no_proxy_of_the_environment_is_respected(
    exchange: FakeExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, dead_url: str
) -> None:
    monkeypatch.setenv("http_proxy", dead_url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch(exchange.url, clock).book.last_update_id == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://alice:Sup3r/x@proxy:3128",
        "http://alice:Sup3r#x@proxy:3128",
        "http://alice:Sup3r?x@proxy:3128",
        "http://alice:123/x@proxy:3128",
        "http://alice:[Sup3r@proxy:3128",
        "http://alice:Sup3r]x@proxy",
        "http://alice:Sup3r@proxy:port",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_malformed_proxy_url_is_reported_without_any_part_of_it(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, url: str, scheme: str
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", url)
    with pytest.raises(BookUnavailable, match="proxy") as error:
        fetch(f"{scheme}://exchange.invalid", clock, slot=0.05)
    assert [part for part in ("alice", "Sup3r", "123", "3128") if part in str(error.value)] == []
