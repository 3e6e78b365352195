"""When the exchange says to stay away, nobody asks it: not in this slot, not in a later one, not for another pair."""

from collections.abc import Callable

import pytest
from support.fakes import BODY, FakeClock, StartExchange, StartRaw, http, spot_client

from handler.book import Snapshot
from handler.errors import RateLimited
from handler.exchanges.client import DepthClient
from handler.exchanges.hosts import Hosts

Client = Callable[..., DepthClient]


@pytest.fixture
def client(clock: FakeClock) -> Client:
    return lambda *urls: spot_client(*urls, clock=clock, random=lambda: 0.0)


def fetch(client: DepthClient, clock: FakeClock, slot: float = 60.0, symbol: str = "BTCUSDT") -> Snapshot:
    return client.depth(symbol, 5, clock.monotonic() + slot)


@pytest.mark.parametrize("fault", ["429=3", "418=3", "418-until=3"])
def test_a_rest_that_fits_the_slot_is_waited_for_exactly(
    client: Client, start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    exchange = start_exchange(fault)
    assert fetch(client(exchange.url), clock).book.last_update_id == 1
    assert (clock.slept, len(exchange.requests)) == ([3.0], 2)


@pytest.mark.parametrize("fault", ["429=60", "418=60", "418-until=60"])
def test_a_rest_as_long_as_the_slot_gives_the_slot_up_at_once(
    client: Client, start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    exchange = start_exchange(fault)
    with pytest.raises(RateLimited, match=rf"BTCUSDT: 127\.0\.0\.1:{exchange.port}: .* no request for another 60 s"):
        fetch(client(exchange.url), clock)
    assert (clock.slept, len(exchange.requests)) == ([], 1)


@pytest.mark.parametrize("fault", ["429=150", "418=150", "418-until=150"])
def test_a_rest_that_is_told_when_the_slot_is_over_is_kept_all_the_same(
    client: Client, start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    def time_passes() -> float:
        clock.advance(1.0)
        return clock.time()

    exchange = start_exchange(fault, clock=time_passes)
    binance = client(exchange.url)
    for _ in range(2):
        with pytest.raises(RateLimited):
            fetch(binance, clock, 0.5)
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("fault", ["429=150", "418=150", "418-until=150"])
def test_a_rest_is_remembered_in_later_slots_and_for_other_pairs(
    client: Client, start_exchange: StartExchange, clock: FakeClock, fault: str
) -> None:
    exchange = start_exchange(fault)
    binance = client(exchange.url)
    for symbol in ("BTCUSDT", "ETHUSDT", "BTCUSDT"):
        with pytest.raises(RateLimited):
            fetch(binance, clock, 50.0, symbol)
        clock.advance(50.0)
    assert (clock.slept, len(exchange.requests)) == ([], 1)
    fetch(binance, clock)
    assert (clock.slept, len(exchange.requests)) == ([], 2)


def test_the_rest_of_a_rest_is_waited_for_in_the_slot_that_it_ends_in(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    exchange = start_exchange("418=70")
    binance = client(exchange.url)
    with pytest.raises(RateLimited, match="banned"):
        fetch(binance, clock)
    clock.advance(60.0)
    fetch(binance, clock)
    assert (clock.slept, len(exchange.requests)) == ([10.0], 2)


def test_a_ban_counts_on_though_the_wall_clock_is_set(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    exchange = start_exchange("418-until=70")
    binance = client(exchange.url)
    with pytest.raises(RateLimited):
        fetch(binance, clock)
    clock.set_wall(86_400.0)
    with pytest.raises(RateLimited, match="for another 70 s"):
        fetch(binance, clock)
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("fault", ["429=150", "418=150", "418-until=150"])
def test_a_ban_goes_on_while_a_container_is_frozen(start_exchange: StartExchange, clock: FakeClock, fault: str) -> None:
    """Its monotonic clock stands still then, which `set_wall` stands for."""
    exchange = start_exchange(fault)
    binance = spot_client(exchange.url, clock=clock, freezes=True)
    with pytest.raises(RateLimited):
        fetch(binance, clock)
    clock.set_wall(59.0)
    with pytest.raises(RateLimited, match="for another 91 s"):
        fetch(binance, clock)
    clock.set_wall(59.0)
    fetch(binance, clock)
    assert clock.slept == pytest.approx([32.0])
    assert len(exchange.requests) == 2


def test_a_ban_that_ended_while_frozen_is_over_when_the_other_host_fails(
    start_exchange: StartExchange, clock: FakeClock
) -> None:
    """And the banned host is requested from again at once."""
    first, second = start_exchange("418=150"), start_exchange("ok", "503*")
    binance = spot_client(first.url, second.url, clock=clock, freezes=True)
    fetch(binance, clock)
    clock.set_wall(150.0)
    fetch(binance, clock)
    assert (clock.slept, len(first.requests), len(second.requests)) == ([], 2, 2)


def test_a_ban_is_not_shortened_by_the_answer_to_another_request_that_was_under_way() -> None:
    hosts = Hosts(("http://127.0.0.1",), "")
    host = hosts.current
    hosts.cool_down(host, 600.0, 600.0, "banned", is_banned=True)
    hosts.cool_down(host, 50.0, 50.0, "weight used up", is_banned=False)
    assert (host.cooldown_until, host.cooldown_reason, host.is_banned) == (600.0, "banned", True)


def test_429_without_retry_after_waits_for_the_exchanges_next_clock_minute(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    clock.advance(12.5)
    fetch(client(start_exchange("429").url), clock)
    assert clock.slept == [47.5]


@pytest.mark.parametrize(
    ("retry_after", "slept"),
    [("soon", 60.0), ("Sat, 21 Nov 2026 12:00:05 GMT", 60.0), ("-1", 60.0), ("inf", 60.0), ("2.5", 2.5), ("0", 1.0)],
)
def test_an_odd_retry_after_is_never_less_than_what_is_known(
    client: Client, start_raw: StartRaw, clock: FakeClock, retry_after: str, slept: float
) -> None:
    server = start_raw(http("429 Too Many Requests", Retry_After=retry_after), http("200 OK", BODY))
    fetch(client(server.url), clock, slot=61.0)
    assert clock.slept == [slept]


def test_a_418_without_any_time_rests_as_long_as_the_shortest_ban(
    client: Client, start_raw: StartRaw, clock: FakeClock
) -> None:
    server = start_raw(http("418 I'm a teapot"), http("200 OK", BODY))
    binance = client(server.url)
    with pytest.raises(RateLimited):
        fetch(binance, clock, slot=120.0)
    fetch(binance, clock, slot=121.0)
    assert clock.slept == [120.0]


def test_a_429_that_asks_for_no_wait_is_waited_for_all_the_same(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    exchange = start_exchange("429=0*5")
    fetch(client(exchange.url), clock)
    assert clock.slept == [1.0] * 5


def test_limits_that_really_bite_are_respected(client: Client, start_exchange: StartExchange, clock: FakeClock) -> None:
    exchange = start_exchange(weight_limit=10)
    binance = client(exchange.url)
    for _ in range(7):
        fetch(binance, clock, slot=120.0)
    assert [asked.status for asked in exchange.requests] == [200, 200, 429, 200, 200, 429, 200, 200, 429, 200]
    assert clock.slept == [60.0, 60.0, 60.0]


def test_a_host_that_is_banned_does_not_keep_a_working_one_from_being_asked(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    good, banned = start_exchange("503", "ok", "503"), start_exchange("418=7200")
    binance = client(good.url, banned.url)
    assert [fetch(binance, clock).host for _ in range(3)] == [f"127.0.0.1:{good.port}"] * 3
    assert (len(banned.requests), clock.slept) == (1, [0.1, 0.1])


def test_a_host_that_bans_us_makes_way_for_the_next_and_is_asked_again_when_the_ban_is_over(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    banning, other = start_exchange("418=100"), start_exchange("ok", "418=7200")
    binance = client(banning.url, other.url)
    assert fetch(binance, clock).host == f"127.0.0.1:{other.port}"
    with pytest.raises(RateLimited, match="banned"):
        fetch(binance, clock)
    clock.advance(100.0)
    assert fetch(binance, clock).host == f"127.0.0.1:{banning.port}"
    assert (len(banning.requests), len(other.requests), clock.slept) == (2, 2, [])


def test_when_all_hosts_ban_us_the_ban_that_ends_first_is_waited_for(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    short, long = start_exchange("418=20"), start_exchange("418=7200")
    assert fetch(client(short.url, long.url), clock).host == f"127.0.0.1:{short.port}"
    assert (len(short.requests), len(long.requests), clock.slept) == (2, 1, [20.0])


def test_weight_that_is_used_up_is_not_dodged_by_asking_another_host(
    client: Client, start_exchange: StartExchange, clock: FakeClock
) -> None:
    full, other = start_exchange("429=20"), start_exchange()
    assert fetch(client(full.url, other.url), clock).host == f"127.0.0.1:{full.port}"
    assert (len(full.requests), other.requests, clock.slept) == (2, [], [20.0])
