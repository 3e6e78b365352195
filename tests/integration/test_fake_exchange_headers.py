"""The responses of the fake exchange as bytes: the real one's header fields, compression, surplus responses."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from support.fakes import FakeClock, StartExchange

from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import depth_body, render_sides
from infra.fake_exchange.faults import SURPLUS_BOOK

SURPLUS_BODY = depth_body(7, b"", render_sides(SURPLUS_BOOK))
TARGET = "/api/v3/depth?symbol=BTCUSDT&limit=5"
RECORDED = [
    "Content-Type",
    "Content-Length",
    "Connection",
    "Date",
    "Server",
    "x-mbx-uuid",
    "x-mbx-used-weight",
    "x-mbx-used-weight-1m",
    "Strict-Transport-Security",
    "X-Frame-Options",
    "X-Xss-Protection",
    "X-Content-Type-Options",
    "Content-Security-Policy",
    "X-Content-Security-Policy",
    "X-WebKit-CSP",
    "Cache-Control",
    "Pragma",
    "Expires",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "X-Cache",
    "Via",
    "X-Amz-Cf-Pop",
    "X-Amz-Cf-Id",
]
"""The header fields of a recorded response, in their order."""


@contextmanager
def response_of(exchange: FakeExchange, **headers: str) -> Iterator[http.client.HTTPResponse]:
    """The response to one request for BTCUSDT, on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=5)) as connection:
        connection.request("GET", TARGET, headers=headers)
        yield connection.getresponse()


def all_bytes(exchange: FakeExchange) -> bytes:
    """All bytes that one request gets, until the exchange closes the connection."""
    with socket.create_connection(("127.0.0.1", exchange.port), timeout=5) as raw:
        raw.sendall(f"GET {TARGET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: raw.recv(65536), b""))


def statuses(data: bytes) -> list[int]:
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


def test_a_response_has_the_header_fields_of_the_real_exchange_in_their_order(exchange: FakeExchange) -> None:
    with response_of(exchange) as response:
        assert response.headers.keys() == RECORDED
        assert len(response.headers["X-Amz-Cf-Id"]) == 56


def test_no_two_responses_have_the_same_ids(exchange: FakeExchange) -> None:
    ids = set()
    for _ in range(3):
        with response_of(exchange) as response:
            ids |= {response.headers["x-mbx-uuid"], response.headers["X-Amz-Cf-Id"]}
    assert len(ids) == 6


def test_an_error_of_the_firewall_has_the_headers_of_cloudfront(start_exchange: StartExchange) -> None:
    with response_of(start_exchange("html403")) as response:
        assert response.headers.keys() == RECORDED
        assert (response.headers["Server"], response.headers["X-Cache"]) == ("CloudFront", "Error from cloudfront")


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("", False),
    ],
)
def test_a_book_is_compressed_for_clients_that_accept_it(
    exchange: FakeExchange, accepted: str, compressed: bool
) -> None:
    """And comes in chunks then, as from a server that compresses while it sends."""
    with response_of(exchange, **{"Accept-Encoding": accepted}) as response:
        body = response.read()
        assert response.headers["Content-Encoding"] == ("gzip" if compressed else None)
        assert response.headers["Transfer-Encoding"] == ("chunked" if compressed else None)
    assert json.loads(gzip.decompress(body) if compressed else body)["lastUpdateId"] == 1


@pytest.mark.parametrize("options", [{"gzip": False}, {"script": ["huge=0.1"]}])
def test_compression_can_be_off(start_exchange: StartExchange, options: dict[str, Any]) -> None:
    script = options.pop("script", [])
    with response_of(start_exchange(*script, **options), **{"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] is None
        assert json.loads(response.read())["lastUpdateId"] == 1


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("ok", [200]),
        ("interim", [103, 200]),
        ("interim=6", [103, 100, 102, 103, 103, 100, 200]),
        ("interim=0", [200]),
        ("interim-late=0.05", [103, 100, 102, 103, 200]),
        ("surplus", [200, 200]),
    ],
)
def test_more_responses_than_requests(start_exchange: StartExchange, fault: str, found: list[int]) -> None:
    data = all_bytes(start_exchange(fault))
    assert statuses(data) == found
    assert data.count(b'"99.00000000"') == 1
    assert data.endswith(SURPLUS_BODY) == (fault == "surplus")


def test_a_late_interim_response_comes_before_the_final_one_is_sent(start_exchange: StartExchange) -> None:
    with socket.create_connection(("127.0.0.1", start_exchange("interim-late=60").port), timeout=5) as raw:
        raw.sendall(f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert raw.recv(65536).startswith(b"HTTP/1.1 103 Early Hints\r\n\r\n")


@pytest.mark.parametrize(("requests", "is_sent"), [(1, True), (2, False)])
def test_a_late_surplus_response_comes_on_an_idle_connection(
    start_exchange: StartExchange, requests: int, is_sent: bool
) -> None:
    """Not while a request is in progress: no client could tell one from the other."""
    exchange = start_exchange("surplus-late=0.3", "slow=0.6")
    received = b""
    with socket.create_connection(("127.0.0.1", exchange.port), timeout=5) as raw:
        raw.sendall(f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * requests)
        while len(statuses(received)) < 2 or not received.endswith(b"]]}"):
            received += raw.recv(65536)
    assert received.endswith(SURPLUS_BODY) == is_sent


def test_a_cached_response_says_how_old_it_is(start_exchange: StartExchange) -> None:
    exchange = start_exchange("age", "age=20")
    for seconds in ("3600", "20"):
        with response_of(exchange) as response:
            assert (response.headers["Age"], response.headers["X-Cache"]) == (seconds, "Hit from cloudfront")
            assert json.loads(response.read())["lastUpdateId"] == 1


def test_a_frozen_book_is_always_the_first_one(start_exchange: StartExchange, clock: FakeClock) -> None:
    exchange = start_exchange("ok", "frozen*2", "ok", symbols=["BTCUSDT"], books={})
    bodies = []
    for _ in range(4):
        with response_of(exchange) as response:
            bodies.append(response.read())
        clock.advance(3600)
    assert bodies[0] == bodies[1] == bodies[2] != bodies[3]
