"""Two clocks, a way to wait, and how long to wait before a retry."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a way to wait; all in seconds."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that is never set, for durations and deadlines."""

    def time(self) -> float:
        """Return the seconds since the epoch by the wall clock, for timestamps and slots."""

    def sleep(self, seconds: float, /) -> None:
        """Wait that long."""


MAX_SLEEP_SECONDS = 1.0  # longest sleep of the main thread: a signal that comes just before is handled only after it
SYSTEM: Clock = time

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0


def backoff_seconds(retry: int, random: float) -> float:
    """Return the wait before a retry, counted from 0: exponential, capped, half jitter. `random` is from 0 to 1."""
    maximum: float = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(retry, 30))
    return maximum * (0.5 + random / 2)
