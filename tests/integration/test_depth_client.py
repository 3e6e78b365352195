"""What the client does about each answer of the exchange, to the second: a real server, a clock that only we move."""

from collections.abc import Callable

import pytest
from support.fakes import BODY, FakeClock, StartExchange, StartRaw, http, spot_client

from handler.book import Snapshot
from handler.clock import backoff_seconds
from handler.errors import BookUnavailable, RegionUnavailable, RequestRejected
from handler.exchanges.binance_spot import request_weight
from handler.exchanges.client import DepthClient
from infra.fake_exchange import FakeExchange

SLOT = 60.0
HALVES = [0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5]
"""The pauses after the first, second … failure where chance takes its half of each in full."""

Client = Callable[..., DepthClient]


@pytest.fixture
def client(clock: FakeClock) -> Client:
    """A client of these base URLs whose pauses are the shortest that chance allows."""
    return lambda *urls: spot_client(*urls, clock=clock, random=lambda: 0.0)


def fetch(client: DepthClient, clock: FakeClock, symbol: str = "BTCUSDT", slot: float = SLOT) -> Snapshot:
    return client.depth(symbol, 5, clock.monotonic() + slot)


def faults(exchange: FakeExchange) -> list[str]:
    return [asked.fault for asked in exchange.requests]


def test_a_book_comes_with_its_host_and_the_moment_it_arrived(
    client: Client, exchange: FakeExchange, clock: FakeClock
) -> None:
    snapshot = fetch(client(exchange.url), clock)
    assert (snapshot.book.bids.levels, snapshot.book.asks.levels) == ([(99.0, 2.0), (98.0, 1.0)], [(101.0, 1.0)])
    assert (snapshot.host, snapshot.received_at) == (f"127.0.0.1:{exchange.port}", clock.time())
    assert clock.slept == []


@pytest.mark.parametrize(
    "fault",
    [
        *("refused", "reset", "cut", "html", "json-list", "json-null", "json-no-side", "json-no-pair", "json-nan"),
        *("json-cut", "html400", "html403", "500", "502", "503", "503-no-code", "504", "redirect", "huge=8"),
    ],
)
def test_a_fault_of_the_host_is_tried_again_after_a_pause_that_doubles(
    client: Client, start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    exchange = start_exchange(f"{fault}*3")
    assert fetch(client(exchange.url), clock).book.last_update_id == 1
    assert clock.slept == HALVES[:3]
    assert faults(exchange) == [fault.partition("=")[0]] * 3 + ["ok"]


def test_a_host_that_fails_for_ever_is_given_up_before_the_slot_is_over_with_the_last_reason(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    exchange = start_exchange("503*")
    with pytest.raises(BookUnavailable, match=rf"BTCUSDT.*127\.0\.0\.1:{exchange.port}: answered HTTP 503"):
        fetch(client(exchange.url), clock, slot=8.0)
    assert clock.slept == HALVES[:6]
    assert len(exchange.requests) == 7


def test_nothing_is_asked_once_the_slot_is_over(client: Client, exchange: FakeExchange, clock: FakeClock) -> None:
    with pytest.raises(BookUnavailable, match="no time was left"):
        fetch(client(exchange.url), clock, slot=0.0)
    assert exchange.requests == []


def test_a_book_that_arrives_when_the_slot_is_over_is_given_up(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    def time_passes() -> float:
        clock.advance(SLOT)
        return clock.time()

    exchange = start_exchange(clock=time_passes)
    with pytest.raises(BookUnavailable, match="answered after the slot was over"):
        fetch(client(exchange.url), clock)
    assert len(exchange.requests) == 1


@pytest.mark.parametrize(("number", "longest"), [(0, 0.2), (1, 0.4), (4, 3.2), (5, 5.0), (6, 5.0), (10**6, 5.0)])
def test_a_pause_is_capped_and_half_of_it_is_chance(number: int, longest: float) -> None:
    assert (backoff_seconds(number, 0.0), backoff_seconds(number, 1.0)) == (longest / 2, longest)


@pytest.mark.parametrize("fault", ["refused", "502", "html", "html403", "redirect", "451"])
def test_the_next_host_is_asked_at_once(
    client: Client, start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    bad, good = start_exchange(f"{fault}*"), start_exchange()
    assert fetch(client(bad.url, good.url), clock).host == f"127.0.0.1:{good.port}"
    assert (len(bad.requests), len(good.requests), clock.slept) == (1, 1, [])


def test_a_host_that_nobody_listens_on_makes_way_for_the_next(
    client: Client, exchange: FakeExchange, clock: FakeClock, dead_url: str
) -> None:
    assert fetch(client(dead_url, exchange.url), clock).host == f"127.0.0.1:{exchange.port}"
    assert clock.slept == []


def test_a_refused_connection_is_told_as_such(client: Client, clock: FakeClock, dead_url: str) -> None:
    with pytest.raises(BookUnavailable, match="Connection refused"):
        fetch(client(dead_url), clock, slot=1.0)
    assert clock.slept == HALVES[:3]


def test_only_when_every_host_has_failed_is_there_a_pause(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    first, second = start_exchange("503*2"), start_exchange("502*2")
    assert fetch(client(first.url, second.url), clock).host == f"127.0.0.1:{first.port}"
    assert (faults(first), faults(second)) == (["503", "503", "ok"], ["502", "502"])
    assert clock.slept == HALVES[:2]


def test_the_host_that_answered_is_the_first_to_be_asked_the_next_time(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    bad, good = start_exchange("503*"), start_exchange()
    binance = client(bad.url, good.url)
    for _ in range(3):
        fetch(binance, clock)
    assert (len(bad.requests), len(good.requests)) == (1, 3)


def test_a_closed_host_does_not_end_the_turns_of_the_others(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    closed, bad, recovering = start_exchange("451*"), start_exchange("503*"), start_exchange("503")
    assert fetch(client(closed.url, bad.url, recovering.url), clock).host == f"127.0.0.1:{recovering.port}"
    assert (len(closed.requests), clock.slept) == (1, HALVES[:1])


def test_a_refusal_is_final_and_in_the_exchanges_own_words(
    client: Client, exchange: FakeExchange, clock: FakeClock
) -> None:
    with pytest.raises(RequestRejected, match=r"NOSUCH: 127\.0\.0\.1:\d+ rejects it: Invalid symbol\. \(code -1121\)$"):
        fetch(client(exchange.url), clock, "NOSUCH")
    assert (len(exchange.requests), clock.slept) == (1, [])


def test_a_refusal_is_not_asked_of_the_next_host(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    refusing, other = start_exchange(), start_exchange(books={}, symbols=["NOSUCH"])
    with pytest.raises(RequestRejected):
        fetch(client(refusing.url, other.url), clock, "NOSUCH")
    assert other.requests == []


def test_451_from_every_host_is_one_sentence_that_names_the_default_host(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    one, two = start_exchange("451*"), start_exchange("451*")
    binance = client(one.url, two.url)
    for _ in range(2):  # the second time without a request: it holds for the life of the process
        with pytest.raises(RegionUnavailable, match=r"451.*https://data-api\.binance\.vision"):
            fetch(binance, clock)
    assert (len(one.requests), len(two.requests), clock.slept) == (1, 1, [])


def test_451_from_one_host_closes_that_one_for_good(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    closed, flaky = start_exchange("451*"), start_exchange("503")
    binance = client(closed.url, flaky.url)
    assert [fetch(binance, clock).host for _ in range(2)] == [f"127.0.0.1:{flaky.port}"] * 2
    assert (len(closed.requests), clock.slept) == (1, HALVES[:1])


@pytest.mark.parametrize(
    ("limit", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1001, 250), (5000, 250)]
)
def test_a_request_weighs_what_the_exchange_counts(limit: int, weight: int, start_exchange: StartExchange) -> None:
    binance = spot_client(start_exchange().url, clock=FakeClock())
    binance.depth("BTCUSDT", limit, 1060.0)
    assert (request_weight(limit), binance.used_weight) == (weight, weight)


@pytest.mark.parametrize(
    "weight",
    [
        "",
        "many",
        "-5",
        "5.5",
        "9" * 5000,
    ],
)
def test_a_weight_that_is_no_number_is_no_reason_to_lose_the_book(
    client: Client, start_raw: StartRaw, clock: FakeClock, weight: str
) -> None:
    binance = client(start_raw(http("200 OK", BODY, x_mbx_used_weight_1m=weight)).url)
    assert fetch(binance, clock).book.last_update_id == 1
    assert binance.used_weight is None


def test_a_symbol_of_any_letters_reaches_the_exchange_as_it_is(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    exchange = start_exchange(symbols=["这是测试币456"])
    fetch(client(exchange.url), clock, "这是测试币456")
    with pytest.raises(RequestRejected, match="Illegal characters"):
        fetch(client(exchange.url), clock, "A&limit=1#/?%20ß")
    assert [asked.symbol for asked in exchange.requests] == ["这是测试币456", "A&limit=1#/?%20ß"]
