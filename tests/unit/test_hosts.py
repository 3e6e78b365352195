"""Which host is requested from next, and when."""

import pytest
from support.fakes import FakeClock

from handler.clock import backoff_seconds
from handler.exchange.answers import Cooldown, Retry
from handler.exchange.hosts import MAX_REQUEST_SECONDS, Host, Hosts

FAILURE = Retry("answered HTTP 503", "HTTP 503")
FOREVER = 1e9


@pytest.fixture
def hosts(clock: FakeClock) -> Hosts:
    return new_hosts(clock)


def new_hosts(clock: FakeClock, *, names: str = "abc", freezes: bool = False) -> Hosts:
    return Hosts([f"http://{name}" for name in names], freezes=freezes, clock=clock, random=lambda: 0.0)


def fail(hosts: Hosts, clock: FakeClock, times: int = 1) -> str:
    """Fail so many times; returns which host is next."""
    for _ in range(times):
        hosts.failed(hosts.choose(()), FAILURE, clock.monotonic())
    return hosts.choose(()).name


def cool(hosts: Hosts, host: Host, seconds: float, **kind: bool) -> float:
    return hosts.cool_down(host, Cooldown("banned", "banned", seconds, **kind))


@pytest.mark.parametrize(
    ("url", "name"), [("http://a", "a"), ("https://user:secret@a:8443/path", "a:8443"), ("http://[::1]:80", "[::1]:80")]
)
def test_name(url: str, name: str) -> None:
    """A host is named by its host and port, never by the user or the password in its URL."""
    assert Host(url).name == name


@pytest.mark.parametrize(("failures", "current"), list(enumerate("abcab")))
def test_failover_order(hosts: Hosts, clock: FakeClock, failures: int, current: str) -> None:
    """The hosts take turns in the user's order."""
    assert fail(hosts, clock, failures) == current


def test_failover_once(hosts: Hosts, clock: FakeClock) -> None:
    """Two requests that failed on the same host move on by one host only; one that tried a host gets another."""
    failed = hosts.choose(())
    hosts.failed(failed, FAILURE, clock.monotonic())
    hosts.failed(failed, FAILURE, clock.monotonic())
    assert hosts.choose(()).name == "b"
    assert hosts.choose({hosts.choose(())}).name == "c"


def test_cooldown_is_passed_over(hosts: Hosts, clock: FakeClock) -> None:
    """A host with a cooldown has no turn until it is over; if all have one, the first to end is next."""
    cool(hosts, hosts.choose(()), 50)
    assert hosts.choose(()).name == "b"
    cool(hosts, hosts.choose(()), 20)
    cool(hosts, hosts.choose(()), 30)
    assert hosts.choose(()).name == "b"
    clock.advance(20)
    assert (hosts.choose(()).name, hosts.wait_seconds(hosts.choose(()), FOREVER)) == ("b", 0)


def test_market_wide_cooldown(hosts: Hosts) -> None:
    """Another host does not help where weight is used up."""
    cool(hosts, hosts.choose(()), 50, is_market_wide=True)
    assert (hosts.choose(()).name, hosts.wait_seconds(hosts.choose(()), FOREVER)) == ("a", 50)
    assert hosts.blocked("banned") == "a, b, c"


def test_cooldown_is_only_extended(hosts: Hosts) -> None:
    """The answer to another request that was under way does not shorten a ban, nor begin a second one."""
    host = hosts.choose(())
    assert [cool(hosts, host, seconds) for seconds in (50, 20, 60)] == [50, 0, 0]
    hosts.succeeded(host)
    assert hosts.cooldown_seconds(host) == 60


def test_growing_cooldown(clock: FakeClock) -> None:
    """It is twice as long each time, and short again after a success."""
    hosts = new_hosts(clock, names="a")
    host, seconds = hosts.choose(()), []
    for _ in range(7):
        seconds.append(cool(hosts, host, 120, grows=True))
        assert cool(hosts, host, 120, grows=True) == 0
        clock.advance(seconds[-1])
    assert seconds == [120, 240, 480, 960, 1920, 3600, 3600]
    hosts.succeeded(host)
    assert cool(hosts, host, 120, grows=True) == 120


@pytest.mark.parametrize(("awake", "asleep", "rest"), [(0, 20, 30), (5, 60, 0), (20, 0, 30), (20, -10, 30)])
def test_frozen_clock(clock: FakeClock, awake: float, asleep: float, rest: float) -> None:
    """A cooldown ends by the wall clock where the monotonic one stood still, and never later than by the latter."""
    hosts = new_hosts(clock, freezes=True)
    host = hosts.choose(())
    cool(hosts, host, 50)
    clock.advance(awake)
    clock.set_wall(asleep)
    assert hosts.cooldown_seconds(host) == pytest.approx(rest)


def test_wall_clock_that_is_set(hosts: Hosts, clock: FakeClock) -> None:
    """Elsewhere setting the wall clock ends no cooldown."""
    cool(hosts, hosts.choose(()), 50)
    clock.set_wall(86_400)
    assert hosts.cooldown_seconds(hosts.choose({})) == 0
    assert hosts.choose(()).name == "b"


def test_probe(clock: FakeClock) -> None:
    """After a cooldown one request probes while others wait, until it succeeds or takes too long."""
    hosts = new_hosts(clock, names="a")
    host = hosts.choose(())
    cool(hosts, host, 50)
    clock.advance(50)
    assert hosts.wait_seconds(host, clock.monotonic()) == 0  # at the deadline it is no probe
    assert [hosts.wait_seconds(host, FOREVER) > 0 for _ in range(3)] == [False, True, True]
    clock.advance(MAX_REQUEST_SECONDS)
    assert [hosts.wait_seconds(host, FOREVER) > 0 for _ in range(2)] == [False, True]
    hosts.succeeded(host)
    assert [hosts.wait_seconds(host, FOREVER) for _ in range(2)] == [0, 0]


def test_shared_pause(clock: FakeClock) -> None:
    """Many pairs that fail at the same time share one pause and then one probe; a lone failure stops nobody."""
    hosts = new_hosts(clock, names="a")
    host, pauses = hosts.choose(()), []
    hosts.failed(host, FAILURE, clock.monotonic())
    assert hosts.wait_seconds(host, FOREVER) == 0
    for _ in range(4):
        sent = clock.monotonic()
        clock.advance(0.01)
        for _ in range(50):
            hosts.failed(host, FAILURE, sent)
        pauses.append(hosts.wait_seconds(host, FOREVER))
        clock.advance(pauses[-1])
        assert [hosts.wait_seconds(host, FOREVER) > 0 for _ in range(2)] == [False, True]
    assert pauses == pytest.approx([backoff_seconds(number, 0.0) for number in range(4)])
