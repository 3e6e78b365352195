"""When: ticks that neither drift nor bunch. Pure: the caller brings the time and does the waiting."""

from typing import NamedTuple


class Tick(NamedTuple):
    """One turn of a schedule: its number, and the moments (seconds, on the caller's clock) it starts and ends."""

    number: int
    start: float
    end: float


def next_tick(now: float, interval_seconds: int, origin: float = 0.0, last: Tick | None = None) -> Tick:
    """The tick to run next, of those that start at origin + n × interval: the running one, unless it was the last.

    A tick starts where multiplication puts it, so lateness never adds up; ticks that are over are not caught up with.
    Where the clock was set back, by more than rounding or a tick, the tick that is running now runs again.
    """
    number = int((now - origin) // interval_seconds)
    if last is not None and last.number - 1 <= number <= last.number:
        number = last.number + 1
    start = origin + number * interval_seconds
    return Tick(number, start, start + interval_seconds)


def missed(tick: Tick, last: Tick | None) -> int:
    """How many ticks were skipped between two that ran, one after the other."""
    return max(tick.number - last.number - 1, 0) if last else 0
