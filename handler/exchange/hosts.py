"""Chooses the host of the next request and its time: failover, cooldowns with a probe after them, a retry budget."""

from collections.abc import Callable, Sequence
from threading import Lock
from urllib.parse import urlsplit

from ..clock import backoff_seconds
from .answers import RATE_LIMITED, REFUSED, Failure

MAX_REQUEST_SECONDS = 10.0
MAX_GROWING_COOLDOWN_SECONDS = 3600.0
MIN_FAILING_PAIRS = 3  # that fail in a row show that it is the host that fails
MAX_WEIGHT_SHARE = 0.9  # of the weight per minute; only retries are limited to what first requests leave of it
POLL_SECONDS = 0.1  # between looks at whether another pair's probe was answered
LONG_AGO = float("-inf")


class Host:
    """One base URL and its state. While it waits, and after it until a request succeeds, `failure` says why."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.name = urlsplit(base_url).netloc.rpartition("@")[2]
        self.wait_until = LONG_AGO  # no request before: a cooldown or a pause
        self.probe_until = LONG_AGO  # after a wait, one request at a time, which is under way at most until then
        self.succeeded()

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failure: Failure | None = None
        self.failing_symbols: set[str] = set()  # the symbols that failed
        self.failed_at = LONG_AGO
        self.pauses = 0  # in a row
        self.growing_cooldown_seconds = 0.0  # the last growing cooldown


class Hosts:
    """The hosts of a market in the user's order. Threads share them. `now` is the clock of all waits."""

    def __init__(
        self, base_urls: Sequence[str], max_weight: float, now: Callable[[], float], random: Callable[[], float]
    ) -> None:
        self.all = tuple(map(Host, base_urls))
        self._now = now
        self._max_weight = MAX_WEIGHT_SHARE * max_weight
        self._minute = self._first_weight = self._retry_weight = self._busiest_weight = 0
        self._random = random
        self._lock = Lock()

    def choose(self) -> Host:
        """Return the host whose wait ends first; in a tie one that works, else the one that failed longest ago."""
        return min(self.all, key=lambda host: (self.wait_seconds(host), host.failed_at))

    def wait_seconds(self, host: Host) -> float:
        """Return the seconds that are left of the host's cooldown or pause, 0 if it is over."""
        return max(host.wait_until - self._now(), 0.0) if host.failure else 0.0

    def admit(self, host: Host) -> float:
        """Return the seconds to wait before a request to the host; 0 allows it.

        After a cooldown or a pause, only one request is allowed: other pairs wait until this probe is answered.
        """
        if host.failure is None:
            return 0.0
        with self._lock:
            if seconds := self.wait_seconds(host):
                return seconds
            if self._now() < host.probe_until:
                return POLL_SECONDS * (1 + self._random())
            host.probe_until = self._now() + MAX_REQUEST_SECONDS
            return 0.0

    def succeeded(self, host: Host) -> None:
        """Note an answer that shows that the host works, unless it was under way when the host's wait began."""
        if host.failing_symbols or host.failure:
            with self._lock:
                if not self.wait_seconds(host):
                    host.succeeded()

    def failed(self, host: Host, symbol: str, failure: Failure) -> None:
        """Note a failed request: a cooldown, or a pause if the host fails for many pairs."""
        with self._lock:
            seconds, is_first = failure.seconds, not self.wait_seconds(host)  # else another pair's failure came before
            if failure.reason == REFUSED and is_first:
                seconds = max(seconds, min(2 * host.growing_cooldown_seconds, MAX_GROWING_COOLDOWN_SECONDS))
                host.growing_cooldown_seconds = seconds
            if not seconds:
                host.failing_symbols.add(symbol)
                host.failed_at = self._now()
                if is_first and (host.failure or len(host.failing_symbols) >= MIN_FAILING_PAIRS):
                    seconds = backoff_seconds(host.pauses, self._random())
                    host.pauses += 1
            for each in self.all if failure.reason == RATE_LIMITED else (host,):  # another host would not help
                if seconds > self.wait_seconds(each):  # waits are only extended
                    each.failure, each.probe_until, each.wait_until = failure, LONG_AGO, self._now() + seconds

    def take_weight(self, weight: int, minute: int, *, is_retry: bool) -> bool:
        """Count a request's weight in this minute. Returns False, uncounted, for a retry that does not fit.

        A retry leaves room for the first requests of the busiest minute so far.
        """
        with self._lock:
            if minute != self._minute:
                self._minute, self._first_weight, self._retry_weight = minute, 0, 0
            if is_retry and self._busiest_weight + self._retry_weight + weight > self._max_weight:
                return False
            if is_retry:
                self._retry_weight += weight
            else:
                self._first_weight += weight
            self._busiest_weight = max(self._first_weight, self._busiest_weight)
            return True
