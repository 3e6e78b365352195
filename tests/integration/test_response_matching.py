"""A book is the response to the request for it: whatever else a host sends is never taken for one."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.fakes import FakeClock, StartExchange, client, fetch

from handler.clock import SYSTEM
from handler.errors import ExchangeError
from infra.fake_exchange import FakeBook, FakeExchange

BOOKS = {f"P{number}USDT": FakeBook([("99", "2")], [("101", "1")], 100 + number) for number in range(8)}


@pytest.mark.parametrize(
    "fault",
    ["interim", "interim=3", "interim-late=0.02", "surplus", "surplus-bytes", "500-late=0.005", "500-late", "html"],
)
def test_no_wrong_book(start_exchange: StartExchange, fault: str) -> None:
    """Eight pairs at once, by the real clock, on a host of which every fourth response is odd."""
    exchange = start_exchange(*["ok", "ok", "ok", fault] * 100, books=BOOKS, clock=time.time)
    ours = client(SYSTEM, exchange.url)

    def is_right(symbol: str) -> bool | None:
        try:
            snapshot = fetch(ours, SYSTEM, symbol, 3.0)
        except ExchangeError:
            return None
        return snapshot.book.last_update_id == BOOKS[symbol].last_update_id

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(is_right, [*BOOKS] * 4))
    assert (len(found), False in found, found.count(True) >= 16) == (32, False, True)
    assert sum(asked.fault != "ok" for asked in exchange.requests) >= 8


@pytest.mark.parametrize("fault", ["503", "redirect", "html", "huge=8"])
def test_a_connection_is_kept_only_after_a_book(start_exchange: StartExchange, clock: FakeClock, fault: str) -> None:
    """Any other answer costs the connection that it came on, and no other."""
    exchange = start_exchange("ok", fault)
    ours = client(clock, exchange.url)
    for _ in range(3):
        fetch(ours, clock)
    first, odd, *others = [asked.connection for asked in exchange.requests]
    assert (first, len(others), {*others}) == (odd, 2, {others[0]} - {odd})


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6, so no second loopback address")
def test_dead_first_address(exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead address of a host makes way for a live one within one short slot, by the real clock."""
    resolve = socket.getaddrinfo

    def addresses(host: str, *args: int, **options: int) -> object:
        found = resolve("127.0.0.1", *args, **options)
        return [(socket.AF_INET6, *found[0][1:4], ("::1", exchange.port, 0, 0)), *found]

    monkeypatch.setattr("socket.getaddrinfo", addresses)
    with ExitStack() as running:  # a full backlog: further connections are not even refused
        running.enter_context(socket.create_server(("::1", exchange.port), family=socket.AF_INET6, backlog=0))
        full = running.enter_context(socket.socket(socket.AF_INET6))
        full.connect(("::1", exchange.port))
        ours = client(SYSTEM, f"http://exchange.test:{exchange.port}")
        assert fetch(ours, SYSTEM, slot=4.0).book.last_update_id == 1
