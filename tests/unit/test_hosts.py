"""Which host is requested from next, and when."""

import pytest
from support.fakes import FakeClock

from handler.clock import backoff_seconds
from handler.exchange.answers import Failure
from handler.exchange.hosts import MAX_REQUEST_SECONDS, Host, Hosts

FAILURE = Failure("answered HTTP 503", "HTTP 503")


@pytest.fixture
def hosts(clock: FakeClock) -> Hosts:
    return new_hosts(clock)


def new_hosts(clock: FakeClock, names: str = "abc") -> Hosts:
    return Hosts([f"http://{name}" for name in names], 6000, clock.monotonic, lambda: 0.0)


def cool(hosts: Hosts, host: Host, seconds: float, reason: str = "banned") -> float:
    """A cooldown; returns the wait that results."""
    hosts.failed(host, "A", Failure("a cooldown", reason, seconds))
    return hosts.wait_seconds(host)


def test_cooldown_is_passed_over(hosts: Hosts, clock: FakeClock) -> None:
    """A host with a cooldown has no turn until it is over; if all have one, the first to end is next."""
    cool(hosts, hosts.choose(), 50)
    assert hosts.choose().name == "b"
    cool(hosts, hosts.choose(), 20)
    cool(hosts, hosts.choose(), 30)
    assert hosts.choose().name == "b"
    clock.advance(20)
    assert (hosts.choose().name, hosts.admit(hosts.choose())) == ("b", 0)


def test_market_wide_cooldown(hosts: Hosts) -> None:
    """Another host does not help where weight is used up."""
    cool(hosts, hosts.choose(), 50, "rate limited")
    assert [hosts.admit(host) for host in hosts.all] == [50, 50, 50]


def test_cooldown_is_only_extended(hosts: Hosts, clock: FakeClock) -> None:
    """The answers to other requests that were under way do not shorten a ban, nor end it."""
    host = hosts.choose()
    assert [cool(hosts, host, seconds) for seconds in (50, 20, 60)] == [50, 50, 60]
    hosts.failed(host, "A", FAILURE)
    hosts.succeeded(host)
    assert (hosts.wait_seconds(host), host.failure and host.failure.reason) == (60, "banned")


def test_growing_cooldown(clock: FakeClock) -> None:
    """It is twice as long each time, and short again after a success."""
    hosts = new_hosts(clock, "a")
    host, seconds = hosts.choose(), []
    for _ in range(7):
        seconds.append(cool(hosts, host, 120, "HTTP 403"))
        assert cool(hosts, host, 120, "HTTP 403") == seconds[-1]
        clock.advance(seconds[-1])
    assert seconds == [120, 240, 480, 960, 1920, 3600, 3600]
    hosts.succeeded(host)
    assert cool(hosts, host, 120, "HTTP 403") == 120


def test_probe(clock: FakeClock) -> None:
    """After a cooldown one request probes while others wait, until it succeeds or takes too long."""
    hosts = new_hosts(clock, "a")
    host = hosts.choose()
    cool(hosts, host, 50)
    clock.advance(50)
    assert [hosts.admit(host) > 0 for _ in range(3)] == [False, True, True]
    clock.advance(MAX_REQUEST_SECONDS)
    assert [hosts.admit(host) > 0 for _ in range(2)] == [False, True]
    hosts.succeeded(host)
    assert [hosts.admit(host) for _ in range(2)] == [0, 0]


def test_shared_pause(clock: FakeClock) -> None:
    """Many pairs that fail at the same time share one pause and then one probe; one pair that fails stops no other."""
    hosts = new_hosts(clock, "a")
    host, pauses = hosts.choose(), []
    for _ in range(50):
        hosts.failed(host, "A", FAILURE)
    assert hosts.admit(host) == 0
    for _ in range(4):
        for number in range(50):
            hosts.failed(host, f"A{number}", FAILURE)
        pauses.append(hosts.admit(host))
        clock.advance(pauses[-1])
        assert [hosts.admit(host) > 0 for _ in range(2)] == [False, True]
    assert pauses == pytest.approx([backoff_seconds(number, 0.0) for number in range(4)])
