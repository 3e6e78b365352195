"""The labels of the axes of a picture: times, numbers, durations. Pure: no matplotlib, no clock."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, log10

from handler.slots import format_timestamp

DAY = 86_400
MAX_TICKS = 10
TICK_SECONDS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(DAY * days for days in (1, 2, 4, 7, 14, 28, 91, 182, 364)),
)
"""Seconds from tick to tick that make a readable time axis; longer ones are multiples of the last."""


def time_ticks(since: float, until: float) -> dict[int, str]:
    """Ticks in [since, until], in epoch seconds, each with its label in UTC: a date at midnight, else a time of day."""
    longest = TICK_SECONDS[-1]
    multiple = ceil((until - since) / MAX_TICKS / longest) * longest
    spacing = next((seconds for seconds in TICK_SECONDS if (until - since) / seconds <= MAX_TICKS), multiple)
    ticks = range(ceil(since / spacing) * spacing, int(until) + 1, spacing)
    return {tick: _tick_label(tick, with_seconds=spacing < 60) for tick in ticks}


def _tick_label(tick: int, *, with_seconds: bool) -> str:
    date, time = format_timestamp(tick)[:-1].split("T")
    if tick % DAY == 0:
        return date
    return time if with_seconds else time[:5]


def plain_numbers(values: Sequence[float]) -> list[str]:
    """Equally spaced numbers, written in full, with just enough decimals to tell each from the next."""
    spacing = min((abs(high - low) for low, high in pairwise(values)), default=0.0)
    spacing = spacing or max(map(abs, values), default=0.0) / 100 or 1.0
    decimals = next(
        count
        for count in range(max(0, ceil(-log10(spacing)) - 1), 400)
        if all(abs(round(value, count) - value) <= spacing / 100 for value in values)
    )
    return [f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in values]


def format_duration(seconds: int) -> str:
    """A duration as in `a 21-min mean`, in the largest unit of which it is a whole number."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size}-{unit}"
    return f"{seconds}-s"
