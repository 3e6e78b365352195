"""The clocks and the sleep that the rest is handed, so that a test can hand in others."""

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
