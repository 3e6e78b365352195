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
DAY_SECONDS = 86_400.0


class Episodes:
    """Tells which trouble to log: what nobody met for an hour before, and once a day while it lasts. Threads share it.

    Times are by the wall clock, since the other one may stand still in Lambda.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], tuple[float, float]] = {}  # when it is over, and when it was logged
        self._lock = Lock()

    def is_new(self, *trouble: object, seconds: float = 0.0) -> bool:
        """Note trouble that will last for `seconds`; returns whether to log it."""
        with self._lock:
            now = self._clock.time()
            over_at, logged_at = self._known.get(trouble, (now, now))
            is_new = not logged_at <= now < min(over_at, logged_at + DAY_SECONDS)  # also if the clock was set back
            quiet_until = now + seconds + QUIET_SECONDS
            self._known[trouble] = (quiet_until, now) if is_new else (max(over_at, quiet_until), logged_at)
        return is_new
