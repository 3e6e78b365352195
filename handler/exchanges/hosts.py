"""The exchange's hosts: failover and cooldowns. Threads share them."""

from threading import Lock
from urllib.parse import urlsplit

from handler.errors import RegionUnavailable


class Host:
    """One base URL and its state."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.name = urlsplit(base_url).netloc.rpartition("@")[2]
        """The host and port alone, for records and messages."""
        self.is_blocked = False
        """It responded 451 once, which holds for the life of the process."""
        self.is_banned = False
        """The last cooldown is a ban."""
        self.cooldown_until = float("-inf")
        """No request before this time of the monotonic clock, because of `cooldown_reason`."""
        self.cooldown_until_wall = float("-inf")
        """The same time by the wall clock."""
        self.cooldown_reason = ""


class Hosts:
    """The hosts in the user's order. If one fails, is blocked or bans us, the next one is used.

    Not if its request weight is used up: weight is counted per client address, so another host would not help.
    """

    def __init__(self, base_urls: tuple[str, ...], region_advice: str) -> None:
        self._region_advice = region_advice
        self._hosts = tuple(Host(url) for url in base_urls)
        self.current = self._hosts[0]
        """The host to request from, while it is neither blocked nor has a cooldown; then call `choose`."""
        self._lock = Lock()

    def choose(self, now: float) -> Host:
        """The host to request from, or whose cooldown to wait for. Raises RegionUnavailable if all are blocked."""
        with self._lock:
            if self.current.is_blocked or (self.current.is_banned and self.current.cooldown_until > now):
                self._rotate(now)
            if not self.current.is_blocked:
                return self.current
        names = ", ".join(host.name for host in self._hosts)
        raise RegionUnavailable(f"{names}: blocked in this region (HTTP 451); {self._region_advice}")

    def fail_over(self, failed: Host, now: float) -> None:
        """Make the next host the current one, unless another thread already did."""
        with self._lock:
            if self.current is failed:
                self._rotate(now)

    def cool_down(self, host: Host, until: float, until_wall: float, reason: str, *, is_banned: bool) -> None:
        """Send no request to the host before that time, or before a later one that it requested earlier."""
        with self._lock:
            if until > host.cooldown_until:
                host.cooldown_until, host.cooldown_until_wall = until, until_wall
                host.cooldown_reason, host.is_banned = reason, is_banned

    def correct_cooldowns(self, now: float, now_wall: float) -> None:
        """Shorten cooldowns by the time for which the monotonic clock stood still while the wall clock went on."""
        with self._lock:
            for host in self._hosts:
                host.cooldown_until = min(host.cooldown_until, now + host.cooldown_until_wall - now_wall)

    def block(self, host: Host) -> None:
        """Never send a request to the host again."""
        with self._lock:
            host.is_blocked = True

    def _rotate(self, now: float) -> None:
        """Use the next host without a cooldown, or else the one whose cooldown ends first."""
        index = self._hosts.index(self.current)
        in_order = self._hosts[index + 1 :] + self._hosts[:index] + (self.current,)
        allowed = [host for host in in_order if not host.is_blocked]
        ready = [host for host in allowed if host.cooldown_until <= now and host is not self.current]
        if ready:
            self.current = ready[0]
        elif allowed:
            self.current = min(allowed, key=lambda host: host.cooldown_until)
