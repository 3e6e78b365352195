"""A book is the response to the request for it: whatever else a host sends is never taken for one."""

import itertools
import random
import re
import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from support.fakes import FakeClock, http, serving, spot_client

from handler.errors import ExchangeError
from handler.exchange.client import BinanceClient

PAIRS = [f"P{number}USDT" for number in range(8)]
WRONG_ID = 99  # in the book of no pair
Send = Callable[[bytes], None]
Behaviour = Callable[[Send, bytes], None]  # answers one request: given a way to send and the right response


def response(update_id: int) -> bytes:
    return http("200 OK", b'{"lastUpdateId":%d,"bids":[["99","2"]],"asks":[["101","1"]]}' % update_id)


WRONG = response(WRONG_ID)


class Server(socketserver.ThreadingTCPServer):
    """Keeps connections open; answers each request by the next behaviour, and the last one repeats."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, *behaviours: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviours = itertools.chain(behaviours, itertools.repeat(behaviours[-1]))
        self.connections = itertools.count()
        self.requests: list[int] = []  # the connection of each

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(OSError):  # the client has closed the connection
            self._answer_requests(next(self.server.connections))

    def _answer_requests(self, number: int) -> None:
        while found := re.search(rb"symbol=P([0-9])", self.rfile.readline()):
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            self.server.requests.append(number)
            next(self.server.behaviours)(self.connection.sendall, response(int(found[1])))


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as running:

        def start_one(*behaviours: Behaviour) -> Server:
            return running.enter_context(serving(Server(*behaviours)))

        yield start_one


def good(send: Send, right: bytes) -> None:
    send(right)


def pieces(*parts: bytes | None, pause: bool = True) -> Behaviour:
    """Sends these parts, None being the right response, each some milliseconds after the one before, or at once."""

    def behave(send: Send, right: bytes) -> None:
        if pause:
            for part in parts:
                send(right if part is None else part)
                time.sleep(random.uniform(0.003, 0.03))
        else:
            send(b"".join(right if part is None else part for part in parts))

    return behave


INTERIM = {
    status: b"HTTP/1.1 %d Interim\r\nLink: </a.css>; rel=preload\r\n\r\n" % status for status in (100, 102, 103, 199)
}
ODD = {
    **{f"{status}, then the response": pieces(head, None) for status, head in INTERIM.items()},
    **{f"{status} with the response": pieces(head, None, pause=False) for status, head in INTERIM.items()},
    "503, late 200": pieces(http("503 Service Unavailable"), WRONG),
    "503 with 200": pieces(http("503 Service Unavailable", b"busy"), WRONG, pause=False),
    "204, late 200": pieces(b"HTTP/1.1 204 No Content\r\n\r\n", WRONG),
    "200 of a portal, late 200": pieces(http("200 OK", b"<html>"), WRONG),
    "a second response": pieces(None, WRONG, pause=False),
    "a large second response": pieces(None, b"x" * 20_000 + WRONG, pause=False),
    "the first bytes of another": pieces(None, WRONG[:5], pause=False),
    "a line end": pieces(None, b"\r\n", pause=False),
    "a longer body than announced": pieces(None, b"}", pause=False),
}  # fmt: skip


def fetch(exchange: BinanceClient, pair: str, seconds: float = 3.0) -> str:
    """`right`, `wrong` or the reason of a failure."""
    try:
        snapshot = exchange.depth(pair, 5, time.monotonic() + seconds)
    except ExchangeError as error:
        return error.reason
    return "right" if snapshot.book.last_update_id == PAIRS.index(pair) else "wrong"


@pytest.mark.parametrize("name", ODD)
def test_no_wrong_book(start: Start, name: str) -> None:
    """Eight pairs at once, by the real clock, on a host of which every fourth response is odd."""
    exchange = spot_client(start(*[good, good, good, ODD[name]] * 100).url, random=lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: fetch(exchange, pair), PAIRS * 4))
    assert (len(found), "wrong" in found, found.count("right") >= 16) == (32, False, True)


ENDLESS = http("200 OK", b" ").replace(b": 1", b": 9999999")


@pytest.mark.parametrize(
    "first",
    [
        pieces(http("500 Internal Server Error", b"x")),
        pieces(INTERIM[103]),
        pieces(http("200 OK", b"<html>")),
        pieces(ENDLESS + b" " * 2**23),
    ],
)
def test_a_connection_is_kept_only_after_a_book(start: Start, clock: FakeClock, first: Behaviour) -> None:
    """Any other answer costs the connection that it came on, and no other."""
    server = start(good, first, good)
    exchange = spot_client(server.url, clock=clock, random=lambda: 0.0)
    found = [exchange.depth(PAIRS[0], 5, 1060.0).book.last_update_id for _ in range(4)]
    assert (found, server.requests) == ([0] * 4, [0, 0, 1, 1, 1])


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6, so no second loopback address")
def test_dead_first_address(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead address of a host makes way for a live one within one short slot, by the real clock."""
    server, resolve = start(good), socket.getaddrinfo
    port = server.server_address[1]

    def addresses(host: str, *args: int, **options: int) -> object:
        if host != "exchange.test":
            return resolve(host, *args, **options)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            *resolve("127.0.0.1", *args, **options),
        ]

    monkeypatch.setattr("socket.getaddrinfo", addresses)
    with ExitStack() as running:  # a full backlog: further connections are not even refused
        running.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=0))
        running.enter_context(socket.create_connection(("::1", port)))
        assert fetch(spot_client(f"http://exchange.test:{port}"), PAIRS[0], 4.0) == "right"
