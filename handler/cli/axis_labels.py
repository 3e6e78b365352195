"""What stands beside the axes of a picture: moments, numbers, lengths of time. Pure: no matplotlib, no clock."""

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
"""Distances of the ticks on a time axis that are easy to read; longer ones are multiples of the last."""


def time_ticks(since: float, until: float) -> dict[int, str]:
    """Round moments of [since, until], in epoch seconds, each with its label in UTC.

    That is the date at midnight and the time of day elsewhere.
    """
    longest = TICK_SECONDS[-1]
    multiple = ceil((until - since) / MAX_TICKS / longest) * longest
    distance = next((seconds for seconds in TICK_SECONDS if (until - since) / seconds <= MAX_TICKS), multiple)
    moments = range(ceil(since / distance) * distance, int(until) + 1, distance)
    return {moment: _moment_label(moment, with_seconds=distance < 60) for moment in moments}


def _moment_label(moment: int, *, with_seconds: bool) -> str:
    date, time = format_timestamp(moment)[:-1].split("T")
    if moment % DAY == 0:
        return date
    return time if with_seconds else time[:5]


def plain_numbers(values: Sequence[float]) -> list[str]:
    """Numbers at equal distances, written in full, with just the digits that tell each from the next."""
    distance = min((abs(high - low) for low, high in pairwise(values)), default=0.0)
    distance = distance or max(map(abs, values), default=0.0) / 100 or 1.0
    decimals = next(
        count
        for count in range(max(0, ceil(-log10(distance)) - 1), 400)
        if all(abs(round(value, count) - value) <= distance / 100 for value in values)
    )
    return [f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in values]


def length_of_time(seconds: int) -> str:
    """A length of time as in `a 21-min mean`, in the largest unit that it is a whole number of."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size}-{unit}"
    return f"{seconds}-s"
