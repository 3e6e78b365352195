"""Which host to request from next, and when: failover, cooldowns, a back-off per host, and a budget of retries.

Threads share all of it.
"""

from collections.abc import Callable, Collection, Sequence
from threading import Lock
from urllib.parse import urlsplit

from ..clock import Clock, backoff_seconds
from .answers import Cooldown, Retry

MAX_REQUEST_SECONDS = 10.0
MAX_GROWN_SECONDS = 3600.0
MIN_PAIRS = 3  # that fail in a row show that it is the host that fails
MAX_SHARE = 0.9  # of the weight per minute, by first requests and retries together
POLL_SECONDS = 0.1  # between looks at whether another pair's probe was answered

NEVER = float("-inf")


class Host:
    """One base URL and its state. While it is unproven it gets one request at a time, until one succeeds."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.name = urlsplit(base_url).netloc.rpartition("@")[2]
        self.is_unproven = False
        self.probe_until = NEVER  # a probe is under way, at most until then
        self.failing: set[str] = set()  # the symbols that failed since a request succeeded
        self.pauses = 0  # in a row: failures of requests that were under way at the same time share one
        self.failed_at = NEVER
        self.failure: Retry | None = None  # the last one
        self.pause_until = NEVER
        self.cooldown: Cooldown | None = None  # the last one, which may be over
        self.cooldown_until = NEVER
        self.cooldown_until_wall = NEVER
        self.refusals = 0  # growing cooldowns in a row


class Hosts:
    """The hosts in the user's order. `freezes`: the monotonic clock may stand still, but nobody sets the wall clock."""

    def __init__(self, base_urls: Sequence[str], *, freezes: bool, clock: Clock, random: Callable[[], float]) -> None:
        self._hosts = tuple(map(Host, base_urls))
        self._current = self._hosts[0]
        self._freezes = freezes
        self._clock = clock
        self._random = random
        self._lock = Lock()

    def choose(self, tried: Collection[Host]) -> Host:
        """The next host: one without a cooldown, not tried yet, not failing; else the first whose cooldown ends."""
        if not self._current.is_unproven and self._current not in tried:
            return self._current
        with self._lock:
            now, first = self._clock.monotonic(), self._hosts.index(self._current)
            in_order = self._hosts[first:] + self._hosts[:first]
            return min(in_order, key=lambda host: (self.cooldown_seconds(host), host in tried, host.pause_until > now))

    def cooldown_seconds(self, host: Host) -> float:
        """The rest of the host's cooldown, 0 if it is over."""
        seconds = host.cooldown_until - self._clock.monotonic()
        if self._freezes:
            seconds = min(seconds, host.cooldown_until_wall - self._clock.time())
        return max(seconds, 0.0)

    def wait_seconds(self, host: Host, deadline: float) -> float:
        """How long to wait before a request to the host; 0 allows one before the deadline, a probe for all others."""
        if not host.is_unproven:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            seconds = max(self.cooldown_seconds(host), host.pause_until - now)
            if seconds <= 0 and now < host.probe_until:
                return POLL_SECONDS * (1 + self._random())
            if seconds <= 0 and now < deadline:
                host.probe_until = now + MAX_REQUEST_SECONDS
            return max(seconds, 0.0)

    def succeeded(self, host: Host) -> None:
        """Note an answer that shows that the host works."""
        if host.failing or host.is_unproven:
            with self._lock:
                host.is_unproven = self.cooldown_seconds(host) > 0  # of a request that was under way when it began
                host.failing.clear()
                host.pauses, host.pause_until, host.probe_until = 0, NEVER, NEVER
                host.refusals = host.refusals if host.is_unproven else 0

    def failed(self, host: Host, symbol: str, failure: Retry, sent: float) -> None:
        """Note a failed request, which was sent at `sent`: the next host is used; one that fails for many pauses."""
        with self._lock:
            now = self._clock.monotonic()
            host.failure = failure
            host.failing.add(symbol)
            host.is_unproven |= len(host.failing) >= MIN_PAIRS
            if host.is_unproven and sent >= host.failed_at:
                host.failed_at, host.probe_until = now, NEVER
                host.pause_until = now + backoff_seconds(host.pauses, self._random())
                host.pauses += 1
            if self._current is host:
                self._current = self._hosts[(self._hosts.index(host) + 1) % len(self._hosts)]

    def cool_down(self, host: Host, cooldown: Cooldown) -> float:
        """Send no request before the cooldown is over; returns its seconds, 0 if one was already under way."""
        with self._lock:
            is_new, seconds = not self.cooldown_seconds(host), cooldown.seconds
            if cooldown.grows:
                seconds = min(seconds * 2.0 ** min(host.refusals, 30), max(seconds, MAX_GROWN_SECONDS)) if is_new else 0
                host.refusals += is_new
            for each in self._hosts if cooldown.is_market_wide else (host,):
                each.is_unproven = True
                if seconds > self.cooldown_seconds(each):
                    each.cooldown, each.probe_until = cooldown, NEVER
                    each.cooldown_until = self._clock.monotonic() + seconds
                    each.cooldown_until_wall = self._clock.time() + seconds
            return seconds if is_new else 0.0

    def blocked(self, reason: str) -> str:
        """The names of all hosts if each has a cooldown for this reason, else nothing."""
        is_blocked = all(
            self.cooldown_seconds(host) and host.cooldown and host.cooldown.reason == reason for host in self._hosts
        )
        return ", ".join(host.name for host in self._hosts) if is_blocked else ""


class RetryBudget:
    """The weight that retries may use: they never use up what the next first requests need. Counts by clock minute."""

    def __init__(self, weight_per_minute: int, clock: Clock) -> None:
        self._max_weight = MAX_SHARE * weight_per_minute
        self._clock = clock
        self._lock = Lock()
        self._minute = 0
        self._first = self._last_first = self._retried = 0

    def add_first(self, weight: int) -> None:
        """Count the first request for a book."""
        with self._lock:
            self._turn()
            self._first += weight

    def take(self, weight: int) -> bool:
        """Count a retry, if there is room beside the first requests of this minute, or as many as in the last one."""
        with self._lock:
            self._turn()
            fits = max(self._first, self._last_first) + self._retried + weight <= self._max_weight
            self._retried += weight if fits else 0
            return fits

    def _turn(self) -> None:
        minute = int(self._clock.time() // 60)
        if minute != self._minute:
            self._last_first = self._first if minute == self._minute + 1 else 0
            self._minute, self._first, self._retried = minute, 0, 0
