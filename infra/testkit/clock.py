"""A clock that only its user moves."""

import threading

NOON = 1_795_262_400.0
"""Noon UTC in epoch seconds: a minute, an hour and every interval that divides them have just begun."""


class FakeClock:
    """Two clocks that stand still but for `sleep` and `advance`; what was slept is on record. Threads may share it."""

    def __init__(self, monotonic: float = 1000.0, time: float = NOON, oversleep: float = 0.0) -> None:
        self.slept: list[float] = []
        self._monotonic, self._time, self._oversleep = monotonic, time, oversleep
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Seconds since some fixed time."""
        return self._monotonic

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._time

    def sleep(self, seconds: float, /) -> None:
        """Move both clocks, without waiting."""
        with self._lock:
            self.slept.append(seconds)
        self.advance(max(seconds + self._oversleep, seconds / 2))

    def advance(self, seconds: float) -> None:
        """Move both clocks."""
        with self._lock:
            self._monotonic += seconds
            self._time += seconds

    def set_wall(self, seconds: float) -> None:
        """Step the wall clock by so much, as an administrator or NTP does."""
        with self._lock:
            self._time += seconds
