"""A book is the response to the request for it: whatever else a host sends is never taken for one."""

import itertools
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.fakes import FakeClock, http, spot_client

from handler.errors import BookUnavailable
from handler.exchanges.http import executor

PAIRS = ("AUSDT", "BUSDT")
Send = Callable[[bytes], None]
Behaviour = Callable[[Send, bytes, bytes], None]
"""Answers one request: given a way to send, the right response, and one with the other pair's book."""


def book_of(pair: str) -> bytes:
    """Each pair has its own update id, by which its book is recognised."""
    return b'{"lastUpdateId":%d,"bids":[["99","2"]],"asks":[["101","1"]]}' % (PAIRS.index(pair) + 1)


class Server(socketserver.ThreadingTCPServer):
    """Keeps connections open and answers each request by the next behaviour; the last one repeats."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *behaviours: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviours = itertools.chain(behaviours, itertools.repeat(behaviours[-1]))
        self.connections = itertools.count()
        self.requests: list[int] = []
        """The connection of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        number = next(self.server.connections)
        while request_line := self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            self.server.requests.append(number)
            (pair,) = (pair for pair in PAIRS if pair.encode() in request_line)
            (other,) = set(PAIRS) - {pair}
            respond = next(self.server.behaviours)
            try:
                respond(self._send, http("200 OK", book_of(pair)), http("200 OK", book_of(other)))
            except OSError:  # the client has closed the connection
                return

    def _send(self, data: bytes) -> None:
        self.connection.sendall(data)
        time.sleep(0.02)  # so that it arrives by itself


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server with these behaviours."""
    with ExitStack() as running:

        def start_one(*behaviours: Behaviour) -> Server:
            server = running.enter_context(Server(*behaviours))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            return server

        yield start_one


def good(send: Send, right: bytes, _other: bytes) -> None:
    send(right)


def after(*pieces: bytes) -> Behaviour:
    """Sends these pieces, each by itself, and then the right response."""

    def behave(send: Send, right: bytes, _other: bytes) -> None:
        for piece in pieces:
            send(piece)
        send(right)

    return behave


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

INTERIM = {
    "103": after(HINTS),
    "102": after(PROCESSING),
    "100": after(CONTINUE),
    "199": after(b"HTTP/1.1 199 Whatever\r\n\r\n"),
    "a mix": after(HINTS, CONTINUE, PROCESSING, HINTS, HINTS),
    "in pieces": after(HINTS[:9], HINTS[9:30], HINTS[30:] + PROCESSING[:5], PROCESSING[5:]),
    "many": after(HINTS * 50),
    "with a length": after(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n"),
    "all at once": lambda send, right, _other: send(HINTS + CONTINUE + right),
}


def fetch_alternately(url: str, clock: FakeClock, count: int = 6) -> list[bool]:
    """For requests of both pairs by turns over one connection: whether each brought its own book."""
    binance = spot_client(url, clock=clock, random=lambda: 0.0)
    pairs = itertools.islice(itertools.cycle(PAIRS), count)
    return [binance.depth(pair, 5, 1060.0).book.last_update_id == PAIRS.index(pair) + 1 for pair in pairs]


@pytest.mark.parametrize("name", INTERIM)
def test_interim_responses_are_read_past(start: Start, clock: FakeClock, name: str) -> None:
    """And the connection is kept: the response was read to its end."""
    server = start(INTERIM[name])
    assert fetch_alternately(server.url, clock) == [True] * 6
    assert set(server.requests) == {0}


def test_interim_responses_without_end_are_given_up_at_the_deadline(start: Start) -> None:
    """By the real clock."""

    def forever(send: Send, _right: bytes, _other: bytes) -> None:
        while True:
            send(HINTS)

    with pytest.raises(BookUnavailable, match="timed out"):
        spot_client(start(forever).url).depth("AUSDT", 5, time.monotonic() + 0.5)


SURPLUS: dict[str, Behaviour] = {
    "a second response at once": lambda send, right, other: send(right + other),
    "the response before it": lambda send, right, other: send(other + right),
    "the first bytes of another": lambda send, right, other: send(right + other[:5]),
    "a line end": lambda send, right, _other: send(right + b"\r\n"),
    "a longer body than announced": lambda send, right, _other: send(right + b"}"),
}


@pytest.mark.parametrize("name", SURPLUS)
def test_a_response_with_surplus_bytes_is_discarded_with_its_connection(
    start: Start, clock: FakeClock, name: str
) -> None:
    """It may be the late response to an earlier request, and the surplus the right one."""
    server = start(SURPLUS[name], good)
    assert fetch_alternately(server.url, clock) == [True] * 6
    assert server.requests == [0] + [1] * 6


def test_bytes_that_arrive_between_two_requests_end_the_connection(start: Start, clock: FakeClock) -> None:
    sent = threading.Event()

    def late(send: Send, right: bytes, other: bytes) -> None:
        send(right)
        send(other)
        sent.set()

    server = start(late, good)
    binance = spot_client(server.url, clock=clock)
    assert binance.depth("AUSDT", 5, 1060.0).book.last_update_id == 1
    assert sent.wait(20)
    assert binance.depth("BUSDT", 5, 1060.0).book.last_update_id == 2
    assert server.requests == [0, 1]


UNUSUAL = {
    "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304 with a body": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "500 with a book behind it": http("500 Internal Server Error"),
    "400 with a page": http("400 Bad Request", b"<html>"),
}


@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_connection_is_not_used_again_after_an_unusual_response(
    start: Start, clock: FakeClock, name: str, *, at_once: bool
) -> None:
    def unusual(send: Send, _right: bytes, other: bytes) -> None:
        for piece in [UNUSUAL[name] + other] if at_once else [UNUSUAL[name], other]:
            send(piece)

    server = start(unusual, good)
    assert fetch_alternately(server.url, clock) == [True] * 6
    assert server.requests == [0] + [1] * 6


def test_a_body_that_is_not_read_to_its_end_ends_the_connection(start: Start, clock: FakeClock) -> None:
    def endless(send: Send, _right: bytes, _other: bytes) -> None:
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
        while True:
            send(b" " * 2**20)

    server = start(endless, good)
    assert fetch_alternately(server.url, clock) == [True] * 6
    assert server.requests == [0] + [1] * 6


def test_a_folded_header_is_not_taken_for_one_that_says_how_long_the_body_is(start: Start, clock: FakeClock) -> None:
    """A proxy may have folded a long one, which HTTP no longer allows."""
    folded = b"\r\nVia: a,\r\n\tContent-Length: 3,\r\n b\r\n"
    server = start(lambda send, right, _other: send(right.replace(b"\r\n", folded, 1)))
    assert fetch_alternately(server.url, clock) == [True] * 6


def test_an_odd_header_line_is_no_reason_for_a_traceback(
    start: Start, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "handler")
    server = start(lambda send, right, _other: send(right.replace(b"\r\n", b"\r\nno colon here\r\n", 1)))
    with pytest.raises(BookUnavailable):  # the header lines behind it are lost, and the length with them
        spot_client(server.url, clock=clock).depth("AUSDT", 5, 1000.1)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6, so no second loopback address")
def test_dead_addresses_of_a_host_make_way_for_a_live_one(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real clock, within the seconds of one short try."""
    server, resolve = start(good), socket.getaddrinfo
    port = server.server_address[1]

    def addresses(host: str, *args: int, **options: int) -> object:
        found = resolve("127.0.0.1" if host == "exchange.test" else host, *args, **options)
        if host != "exchange.test":
            return found
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)), *found]

    monkeypatch.setattr("socket.getaddrinfo", addresses)
    with ExitStack() as running:  # a full backlog: further connections are not even refused
        running.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=0))
        running.enter_context(socket.create_connection(("::1", port)))
        deadline = time.monotonic() + 4.0
        snapshot = spot_client(f"http://exchange.test:{port}").depth("AUSDT", 5, deadline)
    assert snapshot.book.last_update_id == 1


def test_a_connection_that_cannot_get_a_thread_is_tried_again(
    start: Start, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try meets a system at its limit of threads, the second does not."""
    submit, errors = executor.submit, [RuntimeError("can't start new thread")]

    def limited(*args: Any) -> Any:
        if errors:
            raise errors.pop()
        return submit(*args)

    monkeypatch.setattr(executor, "submit", limited)
    assert fetch_alternately(start(good).url, clock, 1) == [True]
    assert clock.slept == [0.1]
