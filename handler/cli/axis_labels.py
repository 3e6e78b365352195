"""The labels of the axes of a picture: times, numbers, durations. Pure: no matplotlib, no clock."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, log10

from handler.slots import format_timestamp

DAY = 86_400
MAX_TICKS = 10
TICK_SECONDS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(DAY * days for days in (1, 2, 4, 7, 14)),
)
"""Seconds from tick to tick that make a readable time axis."""
TICK_MONTHS = (1, 2, 3, 6, 12)
"""The same for longer ranges; beyond them, multiples of the last."""
STEP_SECONDS = (
    *(1, 2, 3, 5, 10, 15, 20, 30),
    *(60 * minutes for minutes in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(DAY * days for days in (1, 2, 7, 14, 28)),
)
"""Lengths of a step that have a short name."""


def time_ticks(since: float, until: float) -> dict[int, str]:
    """Ticks in [since, until], in epoch seconds, each with its label in UTC: a date at midnight, else a time of day."""
    spacing = next((seconds for seconds in TICK_SECONDS if (until - since) / seconds <= MAX_TICKS), None)
    if spacing is None:
        return {tick: _tick_label(tick, with_seconds=False) for tick in _month_starts(since, until)}
    ticks = range(ceil(since / spacing) * spacing, int(until) + 1, spacing)
    return {tick: _tick_label(tick, with_seconds=spacing < 60) for tick in ticks}


def _month_starts(since: float, until: float) -> list[int]:
    """The first days of months, every one or so many that there are at most MAX_TICKS of them."""
    first, last = (_month_number(moment) for moment in (since, until))
    multiple = ceil((last - first) / MAX_TICKS / 12) * 12
    spacing = next((months for months in TICK_MONTHS if (last - first) / months <= MAX_TICKS), multiple)
    months = range(ceil(first / spacing) * spacing, last + 1, spacing)
    starts = [int(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp()) for number in months]
    return [start for start in starts if since <= start <= until]


def _month_number(epoch_seconds: float) -> int:
    moment = datetime.fromtimestamp(epoch_seconds, UTC)
    return moment.year * 12 + moment.month - 1


def readable_step(min_seconds: float, interval_seconds: int) -> int:
    """A length of at least `min_seconds` that is a multiple of the interval, one of STEP_SECONDS if one is close."""
    shortest = interval_seconds * max(ceil(min_seconds / interval_seconds), 1)
    if shortest == interval_seconds:
        return shortest
    close = (step for step in STEP_SECONDS if shortest <= step <= 2 * shortest and step % interval_seconds == 0)
    return next(close, shortest)


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
    """A duration as in `a 20-min mean`, in the largest unit of which it is a whole number."""
    for size, unit in ((DAY, "day"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size}-{unit}"
    return f"{seconds}-s"
