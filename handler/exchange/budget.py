"""The weight that retries may use, so that they never use up what the next first requests need. Threads share it."""

from threading import Lock

from ..clock import Clock

MAX_SHARE = 0.9  # of the weight per minute, by first requests and retries together


class RetryBudget:
    """Counts request weight by clock minute, as the exchange does."""

    def __init__(self, weight_per_minute: int, clock: Clock) -> None:
        self._max_weight = MAX_SHARE * weight_per_minute
        self._clock = clock
        self._lock = Lock()
        self._minute = 0
        self._first = self._last_first = self._retried = self._reported = 0

    def add_first(self, weight: int) -> None:
        """Count the first request for a book."""
        with self._lock:
            self._turn()
            self._first += weight

    def report(self, used_weight: int) -> None:
        """Note what the exchange counted for this address, which others may share."""
        with self._lock:
            self._turn()
            self._reported = used_weight

    def take(self, weight: int) -> bool:
        """Count a retry, if there is room beside the first requests of this minute, or as many as in the last one."""
        with self._lock:
            self._turn()
            others = max(self._first, self._last_first, self._reported - self._retried)
            fits = others + self._retried + weight <= self._max_weight
            self._retried += weight if fits else 0
            return fits

    def _turn(self) -> None:
        minute = int(self._clock.time() // 60)
        if minute != self._minute:
            self._last_first = self._first if minute == self._minute + 1 else 0
            self._minute, self._first, self._retried, self._reported = minute, 0, 0, 0
