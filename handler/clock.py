"""Two clocks, a way to wait, and how long to wait before a retry. An argument everywhere, so that tests can fake it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a way to wait; all in seconds."""

    def monotonic(self) -> float:
        """A clock that never steps, for durations and deadlines."""

    def time(self) -> float:
        """The wall clock, seconds since the epoch, for timestamps and slots."""

    def sleep(self, seconds: float, /) -> None:
        """Wait that long."""


SYSTEM: Clock = time
"""The machine's own: the `time` module has just these three."""

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0


def backoff_seconds(number: int, chance: float) -> float:
    """The wait after the n-th failure, from 0: doubling, capped, and half of it by chance (from 0 to 1)."""
    longest: float = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(number, 30))
    return longest * (0.5 + chance / 2)
