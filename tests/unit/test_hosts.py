"""Which host is requested from next, and which is left alone until when."""

import pytest

from handler.errors import RegionUnavailable
from handler.exchanges.hosts import Host, Hosts

URLS = ("http://a", "http://b", "http://c")
SOON, LATER = 50.0, 600.0


@pytest.fixture
def hosts() -> Hosts:
    return Hosts(URLS, "")


def name(hosts: Hosts, now: float = 0.0) -> str:
    return hosts.choose(now).name


def fail_over(hosts: Hosts, times: int, now: float = 0.0) -> str:
    """Fail so many times; the host that is current then."""
    for _ in range(times):
        hosts.fail_over(hosts.choose(now), now)
    return name(hosts, now)


@pytest.mark.parametrize(
    ("url", "name"), [("http://a", "a"), ("https://user:secret@a:8443/path", "a:8443"), ("http://[::1]:80", "[::1]:80")]
)
def test_host_name(url: str, name: str) -> None:
    """A host is named by its host and port, never by the user or the password in its URL."""
    assert Host(url).name == name


@pytest.mark.parametrize(("failures", "current"), list(enumerate("abcab")))
def test_fail_over_order(hosts: Hosts, failures: int, current: str) -> None:
    """The hosts take turns in the user's order."""
    assert fail_over(hosts, failures) == current


def test_fail_over_once(hosts: Hosts) -> None:
    """Two requests that failed on the same host move on by one host only."""
    failed = hosts.choose(0.0)
    hosts.fail_over(failed, 0.0)
    hosts.fail_over(failed, 0.0)
    assert name(hosts) == "b"


def test_fail_over_skips_cooldown(hosts: Hosts) -> None:
    """A host with a cooldown is passed over until the moment that it ends."""
    hosts.cool_down(fail_over_to(hosts, "b"), SOON, SOON, "", is_banned=True)
    fail_over_to(hosts, "a")
    assert fail_over(hosts, 1, SOON - 0.1) == "c"
    fail_over_to(hosts, "a")
    assert fail_over(hosts, 1, SOON) == "b"


def fail_over_to(hosts: Hosts, name: str) -> Host:
    """Make this host the current one, at a time when every cooldown is over."""
    while (host := hosts.choose(LATER)).name != name:
        hosts.fail_over(host, LATER)
    return host


def test_fail_over_without_alternative(hosts: Hosts) -> None:
    """A failing host stays the current one while all others have a cooldown."""
    for other in ("b", "c"):
        hosts.cool_down(fail_over_to(hosts, other), SOON, SOON, "", is_banned=True)
    fail_over_to(hosts, "a")
    assert fail_over(hosts, 1) == "a"


def test_fail_over_to_equal_cooldown(hosts: Hosts) -> None:
    """Of hosts whose cooldown ends at the same time the next one has its turn."""
    for one in "abc":
        hosts.cool_down(fail_over_to(hosts, one), SOON, SOON, "", is_banned=False)
    fail_over_to(hosts, "a")
    assert fail_over(hosts, 1) == "b"


def test_ban_makes_way(hosts: Hosts) -> None:
    """A host that bans us makes way for the next, and is current where it was once the ban is over."""
    hosts.cool_down(hosts.choose(0.0), SOON, SOON, "", is_banned=True)
    assert name(hosts, SOON) == "a"
    assert name(hosts, SOON - 0.1) == "b"


def test_used_weight_does_not_make_way(hosts: Hosts) -> None:
    """Another host would not help: weight is counted by our address."""
    hosts.cool_down(hosts.choose(0.0), SOON, SOON, "", is_banned=False)
    assert name(hosts) == "a"


def test_first_ban_to_end(hosts: Hosts) -> None:
    """When every host bans us, the one whose ban ends first is current."""
    for until in (LATER, SOON, LATER):
        hosts.cool_down(hosts.choose(0.0), until, until, "", is_banned=True)
    assert name(hosts) == "b"


@pytest.mark.parametrize(("first", "second"), [(SOON, LATER), (LATER, SOON)])
def test_cooldown_is_extended_only(hosts: Hosts, first: float, second: float) -> None:
    """A later end replaces an earlier one, with its reason; an earlier end changes nothing."""
    host = hosts.choose(0.0)
    hosts.cool_down(host, first, first, f"until {first}", is_banned=first == LATER)
    hosts.cool_down(host, second, second, f"until {second}", is_banned=second == LATER)
    assert (host.cooldown_until, host.cooldown_reason, host.is_banned) == (LATER, f"until {LATER}", True)


@pytest.mark.parametrize(("awake", "passed", "until"), [(0, 20, 30), (5, 60, -5), (20, 20, 50), (20, 10, 50)])
def test_frozen_clock(hosts: Hosts, awake: float, passed: float, until: float) -> None:
    """A cooldown ends by the wall clock where the monotonic one stood still, and never later than by the latter."""
    wall = 1e9
    host = hosts.choose(0.0)
    hosts.cool_down(host, SOON, wall + SOON, "", is_banned=False)
    hosts.correct_cooldowns(awake, wall + passed)
    hosts.correct_cooldowns(awake, wall + passed)
    assert host.cooldown_until == pytest.approx(until)


def test_frozen_clock_without_cooldown(hosts: Hosts) -> None:
    """A host without a cooldown gets none."""
    hosts.correct_cooldowns(1.0, 1e9)
    assert hosts.choose(0.0).cooldown_until < 0


def test_blocked_host(hosts: Hosts) -> None:
    """A blocked host has no turn any more, although it has no cooldown."""
    hosts.block(hosts.choose(0.0))
    assert [fail_over(hosts, 1) for _ in range(3)] == ["c", "b", "c"]


def test_all_blocked(hosts: Hosts) -> None:
    """When every host is blocked, the error names them all and says what to do."""
    hosts = Hosts(URLS, "move to another region")
    for _ in URLS:
        hosts.block(hosts.choose(0.0))
    with pytest.raises(RegionUnavailable, match=r"^a, b, c: .*move to another region"):
        hosts.choose(0.0)
