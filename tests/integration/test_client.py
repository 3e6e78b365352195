"""What the client does about each answer, and how a request travels: real servers, mostly a clock that only we move."""

import gc
import gzip
import re
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeClock, RawServer, StartExchange, StartRaw, client, fetch, http

import handler
from handler.clock import SYSTEM, Clock
from handler.errors import BookUnavailable, ExchangeError, RateLimited, RegionUnavailable, RequestRejected
from handler.exchange.answers import Failure
from handler.exchange.client import BinanceClient
from handler.exchange.transport import LONG_IDLE_SECONDS, MAX_AGE_SECONDS, MAX_BODY_BYTES, Transport
from infra.fake_exchange import FakeExchange

BODY = b'{"lastUpdateId":1,"bids":[["99","2"]],"asks":[["101","1"]]}'
HALVES = [0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5]  # the pauses where chance takes its half of each in full
GUARD_SECONDS = 20.0  # what takes this long would have gone on for ever


def failure(exchange: BinanceClient, clock: Clock, slot: float = 4.0) -> ExchangeError:
    with pytest.raises(ExchangeError) as error:
        fetch(exchange, clock, slot=slot)
    return error.value


def faults(exchange: FakeExchange) -> list[str]:
    return [asked.fault for asked in exchange.requests]


def test_book(exchange: FakeExchange, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A book comes with its host, the moment it arrived, its age in a cache, and the weight that is counted."""
    ours = client(clock, exchange.url)
    snapshot = fetch(ours, clock)
    assert (snapshot.book.bids.prices, snapshot.book.asks.prices) == ([99.0, 98.0], [101.0])
    assert (snapshot.host, snapshot.received_at) == (f"127.0.0.1:{exchange.port}", clock.time())
    assert (snapshot.cache_age_seconds, ours.used_weight, clock.slept) == (None, 5, [])
    clock.advance(60.0)
    assert ours.used_weight is None
    exchange.script(["age=3600"])
    assert (fetch(ours, clock).cache_age_seconds, "cache" in caplog.text) == (3600, True)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        *((fault, "connection") for fault in ("refused", "reset", "cut")),
        *(("html", "bad answer"), ("huge=8", "bad answer"), ("503", "HTTP 503"), ("redirect", "HTTP 302")),
    ],
)
def test_fault(start_exchange: StartExchange, clock: FakeClock, fault: str, reason: str) -> None:
    """A fault of the host is tried again after a pause that doubles, elsewhere at once, and named if it lasts."""
    exchange, other = start_exchange(f"{fault}*3"), start_exchange()
    assert fetch(client(clock, exchange.url), clock).book.last_update_id == 1
    assert (clock.slept, len(exchange.requests)) == (HALVES[:3], 4)
    exchange.script([f"{fault}*"])
    assert failure(client(clock, exchange.url), clock).reason == reason
    slept = len(clock.slept)
    assert fetch(client(clock, exchange.url, other.url), clock).host == f"127.0.0.1:{other.port}"
    assert len(clock.slept) == slept


@pytest.mark.parametrize("fault", ["reset", "cut", "html", "503", "trickle-body=0.02"])
def test_no_connection_is_left(start_exchange: StartExchange, clock: FakeClock, fault: str) -> None:
    """A connection whose answer was wrong is closed at once, not when its objects are collected."""
    exchange = start_exchange(f"{fault}*")
    gc.disable()
    try:
        failure(client(clock, exchange.url), clock, slot=0.35)
        assert f" 0100007F:{exchange.port:04X} 01 " not in Path("/proc/net/tcp").read_text()  # 01: established
    finally:
        gc.enable()


def test_hosts_take_turns(start_exchange: StartExchange, clock: FakeClock, dead_url: str) -> None:
    """There is a pause only when every host has failed; the one that answered is the first the next time."""
    first, second = start_exchange("503*2"), start_exchange("502*2")
    ours = client(clock, dead_url, first.url, second.url)
    assert fetch(ours, clock).host == fetch(ours, clock).host == f"127.0.0.1:{first.port}"
    assert (faults(first), faults(second), clock.slept) == (["503", "503", "ok", "ok"], ["502", "502"], HALVES[:2])


def test_reason_of_a_slot(start_exchange: StartExchange, clock: FakeClock, dead_url: str) -> None:
    """It is that of the last answer, whatever happened after it; nothing is asked once the slot is over."""
    exchange = start_exchange("502", "503", "refused*")
    error = failure(client(clock, exchange.url), clock, slot=8.0)
    assert (type(error), error.reason, clock.slept) == (BookUnavailable, "HTTP 503", HALVES[:6])
    assert str(error) == f"BTCUSDT: no book before its slot was over (127.0.0.1:{exchange.port}: answered HTTP 503)"
    assert len(exchange.requests) == 7
    assert failure(client(clock, exchange.url), clock, slot=0.0).reason == "timeout"
    exchange.script(["504*"])
    for urls in ((exchange.url, dead_url), (dead_url, exchange.url)):
        assert f":{exchange.port}: answered HTTP 504" in str(failure(client(clock, *urls), clock))
    requests = len(exchange.requests)
    assert "Connection refused" in str(error := failure(client(clock, dead_url), clock))
    assert (error.reason, len(exchange.requests)) == ("connection", requests)


def test_rejection(start_exchange: StartExchange, clock: FakeClock) -> None:
    """It is final, in the exchange's own words, with the hint for the symbol, and not asked of the next host."""
    rejecting, other = start_exchange(symbols=["这是测试币456"]), start_exchange(books={}, symbols=["NOSUCH"])
    ours = client(clock, rejecting.url, other.url, hint="write NO/SUCH")
    words = {"NOSUCH": r"Invalid symbol\. \(code -1121\) \(write NO/SUCH\)$", "A&limit=1#/?%20ß": "Illegal characters"}
    for symbol, sentence in words.items():
        with pytest.raises(RequestRejected, match=f"^{re.escape(symbol)}: .*{sentence}") as error:
            fetch(ours, clock, symbol)
        assert (error.value.reason, other.requests, clock.slept) == ("rejected", [], [])
    fetch(ours, clock, "这是测试币456")
    assert [asked.symbol for asked in rejecting.requests] == [*words, "这是测试币456"]
    delisted = client(clock, start_exchange("ok", "delisted").url, hint="USDT was appended")
    fetch(delisted, clock)
    with pytest.raises(RequestRejected, match=r"\(code -[0-9]+\)$"):
        fetch(delisted, clock)


def test_451_before_the_first_success(start_exchange: StartExchange, clock: FakeClock) -> None:
    """From every host it is one sentence that names the advice, with one request to each."""
    one, two = start_exchange("451*"), start_exchange("451*")
    ours = client(clock, one.url, two.url)
    for _ in range(2):
        error = failure(ours, clock, slot=60.0)
        assert (type(error), error.reason) == (RegionUnavailable, "region")
        assert re.search(r"451.*https://data-api\.binance\.vision", str(error))
    assert (len(one.requests), len(two.requests), clock.slept) == (1, 1, [])


def test_451_after_a_success(start_exchange: StartExchange, clock: FakeClock) -> None:
    """A VPN that reconnects costs a long cooldown, after which one request probes; another host is used meanwhile."""
    exchange, other = start_exchange("ok", "451"), start_exchange("ok", "451")
    ours = client(clock, exchange.url, other.url)
    assert [fetch(ours, clock).host[-5:] for _ in range(2)] == [f"{host.port}"[-5:] for host in (exchange, other)]
    error = failure(ours, clock, slot=60.0)
    assert (type(error), error.reason) == (RateLimited, "region")
    clock.advance(300.0)
    assert fetch(ours, clock).host == f"127.0.0.1:{exchange.port}"


def test_request(start_raw: StartRaw, clock: FakeClock) -> None:
    """A base URL may have a path; nothing identifies the user, but the project and its version are named."""
    server = start_raw(http("200 OK", BODY, Set_Cookie="id=1"), http("200 OK", BODY))
    ours = client(clock, f"{server.url}/mirror")
    for _ in range(2):
        fetch(ours, clock)
    assert server.heads[0] == server.heads[1]
    assert server.heads[0].splitlines() == [
        "GET /mirror/api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"User-Agent: order-book-imbalance/{handler.__version__}",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
    ]


@pytest.mark.parametrize(
    ("seconds", "step", "connections"),
    [(1.0, 0.0, 1), (60.0, 0.0, 1), (60.0, -86_400.0, 5), (MAX_AGE_SECONDS / 4, 0.0, 2), (MAX_AGE_SECONDS, 0.0, 5)],
)
def test_connections(exchange: FakeExchange, clock: FakeClock, seconds: float, step: float, connections: int) -> None:
    """They are kept, but retired after some minutes, also if the clock is set: a name that moves is followed."""
    ours = client(clock, exchange.url)
    for _ in range(5):
        fetch(ours, clock)
        clock.advance(seconds)
        clock.set_wall(step)
    assert len({asked.connection for asked in exchange.requests}) == connections


def test_ending_a_request_that_ends_by_itself() -> None:
    """Its own thread may close the connection at the same time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
            transport = Transport(SYSTEM)
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            requests = threads.submit(lambda: [transport.get(url, 0.001) for _ in range(150)])
            while not requests.done():
                transport.end_overdue()
            assert {failure.reason for failure in requests.result() if isinstance(failure, Failure)} <= {"timeout"}
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("fault", ["close-reuse", "close-idle"])
def test_closed_connection(start_exchange: StartExchange, clock: FakeClock, fault: str) -> None:
    """A kept connection that the host closed is replaced at once, and is no failure."""
    exchange, other = start_exchange(fault, "ok", fault, "ok"), start_exchange()
    ours = client(clock, exchange.url, other.url)
    for _ in range(4):
        fetch(ours, clock)
    connections = {asked.connection for asked in exchange.requests}
    assert (faults(exchange).count(fault), len(connections), other.requests, clock.slept) == (2, 3, [], [])


@pytest.mark.parametrize("idle_seconds", [LONG_IDLE_SECONDS + 1, 60.0])
def test_forgotten_connection(
    start_exchange: StartExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, idle_seconds: float
) -> None:
    """A connection that a NAT forgot costs a short wait, once: from then on connections idle less long."""
    monkeypatch.setattr("handler.exchange.transport.FIRST_WAIT_SECONDS", 0.2)
    exchange = start_exchange("hang-reuse", "ok", "ok")
    ours = client(clock, exchange.url)
    for _ in range(3):
        assert fetch(ours, clock, slot=1.0).book.last_update_id == 1
        clock.advance(idle_seconds)
    assert faults(exchange) == ["hang-reuse", "hang", "ok", "ok"]
    assert len({asked.connection for asked in exchange.requests}) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "connection"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "bad answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "connection"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", "bad answer"),
        (http("200 OK", b"no gzip", Content_Encoding="gzip"), "bad answer"),
        (http("200 OK", gzip.compress(BODY)[:-12], Content_Encoding="gzip"), "bad answer"),
        (http("200 OK", gzip.compress(b" " * MAX_BODY_BYTES + BODY), Content_Encoding="gzip"), "bad answer"),
    ],
)
def test_odd_answer(start_raw: StartRaw, clock: FakeClock, answer: bytes, reason: str) -> None:
    """Whatever else comes is the host's fault, in our own words."""
    assert failure(client(clock, start_raw(answer).url), clock).reason == reason


@pytest.mark.parametrize("fault", ["hang", "trickle-body=0.04"])
def test_time_for_another_try(start_exchange: StartExchange, fault: str) -> None:
    """A try that hangs leaves half of the slot for another, and a host that always does costs its slot (real clock)."""
    exchange = start_exchange(fault)
    assert fetch(client(SYSTEM, exchange.url), SYSTEM, slot=3.0).book.last_update_id == 1
    assert faults(exchange) == [fault.partition("=")[0], "ok"]
    exchange.script([f"{fault}*"])
    start = time.monotonic()
    error = failure(client(SYSTEM, exchange.url), SYSTEM, slot=0.6)
    assert "timed out" in str(error)
    assert (error.reason, time.monotonic() - start < GUARD_SECONDS) == ("timeout", True)


TRICKLES = {  # what comes at once, and then the byte that comes again and again
    "http head": ("http", b"HTTP/1.1 200 OK\r\nServer: ", b"a"),
    "http chunk": ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "https handshake": ("https", b"\x16\x03\x03\x40\x00", b"\x02"),
}


def trickle(server: socket.socket, first: bytes, byte: bytes) -> bool:
    """Send `first`, then one byte after the other for ten seconds; False if the connection was closed before."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.recv(4096)
        connection.sendall(first)
        for _ in range(200):
            connection.sendall(byte)
            time.sleep(0.05)
        return True
    return False


@pytest.mark.parametrize(("scheme", "first", "byte"), TRICKLES.values(), ids=TRICKLES)
def test_trickling(scheme: str, first: bytes, byte: bytes) -> None:
    """An answer that comes byte by byte, anywhere in it, is ended when its time is over (real clock)."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(2) as threads:
        sending = threads.submit(trickle, server, first, byte)
        ours = client(SYSTEM, f"{scheme}://127.0.0.1:{server.getsockname()[1]}")
        fetching = threads.submit(failure, ours, SYSTEM, slot=0.5)
        while not fetching.done():
            time.sleep(0.01)
            ours.end_overdue()
        assert not sending.result()
        error = fetching.result()
        assert (type(error), error.reason, "timed out" in str(error)) == (BookUnavailable, "timeout", True)


@pytest.fixture
def proxy(start_raw: StartRaw, monkeypatch: pytest.MonkeyPatch) -> RawServer:
    server = start_raw(http("200 OK", BODY), http("403 Forbidden"))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://alice:Sup3r@127.0.0.1:{server.port}")
    return server


def test_proxy(proxy: RawServer, exchange: FakeExchange, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the environment is asked, for https for a tunnel; NO_PROXY is respected."""
    assert fetch(client(clock, "http://exchange.invalid"), clock).host == "exchange.invalid"
    error = failure(client(clock, "https://exchange.invalid"), clock)
    assert proxy.heads[0].startswith("GET http://exchange.invalid/api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1\r\n")
    assert proxy.heads[1].startswith("CONNECT exchange.invalid:443 HTTP/1.")
    assert all("Proxy-Authorization: Basic " in head for head in proxy.heads)
    assert f"the proxy 127.0.0.1:{proxy.port}: Tunnel connection failed: 403" in str(error)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch(client(clock, exchange.url), clock).book.last_update_id == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://alice:Sup3r@127.0.0.1:{dead}", "the proxy 127.0.0.1:{dead}: Connection refused"),
        ("alice:Sup3r@127.0.0.1:{dead}", "URL of the proxy is invalid"),
        ("socks5://alice:Sup3r@127.0.0.1:{dead}", "pip install"),
        *((f"http://alice:{password}@proxy:3128", "URL of the proxy") for password in ("Sup3r/x", "Sup3r#x", "[Sup3r")),
        ("http://alice:Sup3r@proxy:port", "URL of the proxy"),
    ],
)
def test_broken_proxy(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, dead_url: str, scheme: str, url: str, words: str
) -> None:
    """It is blamed by name, without any part of its credentials."""
    dead = dead_url.rpartition(":")[2]
    monkeypatch.setenv(f"{scheme}_proxy", url.format(dead=dead))
    error = failure(client(clock, f"{scheme}://exchange.invalid"), clock, slot=4.0)
    assert (words.format(dead=dead) in str(error), error.reason) == (True, "connection")
    assert [part for part in ("alice", "Sup3r") if part in str(error)] == []


def test_name_lookup(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be looked up says so."""

    def unknown(host: str, *args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    assert "Name or service not known; check" in str(failure(client(clock, "http://exchange.test"), clock))


def test_update_ids(start_raw: StartRaw, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A book that went back, or did not rise for ten minutes, is recorded, and reported once while that comes again.

    Ids that begin again from a lower one rise.
    """
    ids = [900, *range(1, 20), 7, *[6] * 20, 8, 8]
    ours = client(clock, start_raw(*(http("200 OK", BODY.replace(b":1,", b":%d," % number)) for number in ids)).url)
    for number in ids:
        assert fetch(ours, clock).book.last_update_id == number
        clock.advance(60.0)
    assert [re.findall("BTCUSDT went back|did not rise", text) for text in caplog.messages] == [
        ["BTCUSDT went back"], ["did not rise"]
    ]  # fmt: skip


def test_host_that_fails(start_exchange: StartExchange, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged if it costs more than a second, and again when it did not for an hour."""
    exchange = start_exchange("503*3", "ok", "502*6", "ok", "503*6", "ok", "504*6", "ok")
    ours = client(clock, exchange.url)
    for pause in (0, 600, 3700, 0):
        fetch(ours, clock)
        clock.advance(pause)
    found = [text.partition(": ")[2] for text in caplog.messages if "answered" in text]
    assert found == ["answered HTTP 502", "answered HTTP 504"]
