"""Two clocks, a way to wait, how long to wait before a retry, and which trouble is new."""

import time
from threading import Lock
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a way to wait; all in seconds."""

    def monotonic(self) -> float:
        """A clock that is never set, for durations and deadlines."""

    def time(self) -> float:
        """The wall clock, seconds since the epoch, for timestamps and slots."""

    def sleep(self, seconds: float, /) -> None:
        """Wait that long."""


MAX_SLEEP_SECONDS = 1.0  # longest sleep of the main thread: a signal that comes just before is handled only after it
SYSTEM: Clock = time

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0


def backoff_seconds(retry: int, random: float) -> float:
    """The wait before a retry, counted from 0: exponential, capped, half of it jitter. `random` is from 0 to 1."""
    maximum: float = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(retry, 30))
    return maximum * (0.5 + random / 2)


QUIET_SECONDS = 3600.0


class Episodes:
    """Tells which trouble is new. It is over, and may be new again, when nobody met it for an hour. Threads share it.

    Times are by the wall clock, since the other one may stand still in Lambda.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._over_at: dict[tuple[object, ...], float] = {}
        self._lock = Lock()

    def begins(self, *trouble: object, seconds: float = 0.0) -> bool:
        """Note trouble that will last for `seconds`; returns whether it is new."""
        with self._lock:
            now = self._clock.time()
            over_at = self._over_at.get(trouble, now)
            self._over_at[trouble] = max(over_at, now + seconds + QUIET_SECONDS)
        return now >= over_at
