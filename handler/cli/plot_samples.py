"""What a picture is drawn from, collected from records or from steps of them. Pure: no matplotlib."""

from array import array
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from handler.errors import HandlerError, UsageError
from handler.record import Record, Series
from handler.slots import parse_timestamp
from handler.steps import Step

MAX_PANELS = 12
"""Panels of imbalance, one per series; more are not readable."""
DEFAULT_INTERVAL_SECONDS = 60
"""Of records that do not have their own."""


class Samples(NamedTuple):
    """The mid prices of each pair, by time in epoch seconds, and the imbalances of each series.

    Imbalances are points one after another: time and imbalance or, of steps, time, mean, minimum and maximum.
    `interval_seconds` is the time from one point to the next.
    """

    mids: dict[str, dict[float, float]]
    imbalances: dict[Series, "array[float]"]
    values_per_point: int
    interval_seconds: int


def check_panels(count: int) -> None:
    """Raise UsageError if so many series, each in its own panel, do not fit into one picture."""
    if count > MAX_PANELS:
        raise UsageError(
            f"--plot draws at most {MAX_PANELS} panels, one for each pair and depth, and {count} are requested:"
            " give fewer --symbol, --levels or --bps, and draw several pictures"
        )


def samples_of_records(records: Iterable[Record], interval_seconds: int | None) -> Samples:
    """Collect records. Without an interval, it is the longest of the series' newest records.

    Raises UsageError for too many series, HandlerError if there is no record with data.
    """
    mids: dict[str, dict[float, float]] = {}
    imbalances: dict[Series, array[float]] = defaultdict(lambda: array("d"))
    intervals: dict[Series, int] = {}
    for record in records:
        if not record.has_data:
            continue
        series, time = record.series, parse_timestamp(record.timestamp)
        _add_point(imbalances, series, (time, record.obi))
        intervals[series] = record.interval_seconds or DEFAULT_INTERVAL_SECONDS
        _add_mid(mids, series, time, record.mid)
    _check_any(imbalances)
    return Samples(mids, imbalances, 2, interval_seconds or max(intervals.values()))


def samples_of_steps(steps: Iterable[Step], step_seconds: int) -> Samples:
    """Collect steps, each drawn in its middle. Raises UsageError for too many series, HandlerError without steps."""
    mids: dict[str, dict[float, float]] = {}
    imbalances: dict[Series, array[float]] = defaultdict(lambda: array("d"))
    for step in steps:
        series = Series(step.symbol, step.levels if step.bps is None else None, step.bps, step.market)
        time = parse_timestamp(step.timestamp) + step_seconds / 2
        _add_point(imbalances, series, (time, step.obi_mean, step.obi_min, step.obi_max))
        _add_mid(mids, series, time, step.mid_mean)
    _check_any(imbalances)
    return Samples(mids, imbalances, 4, step_seconds)


def _add_point(imbalances: dict[Series, "array[float]"], series: Series, point: tuple[float, ...]) -> None:
    if series not in imbalances:
        check_panels(len(imbalances) + 1)  # before more is read
    imbalances[series].extend(point)


def _add_mid(mids: dict[str, dict[float, float]], series: Series, time: float, mid: float | None) -> None:
    of_pair = mids.setdefault(series.pair, {})
    if mid:  # the same at every depth of a book
        of_pair[time] = mid


def _check_any(imbalances: dict[Series, "array[float]"]) -> None:
    if not imbalances:
        raise HandlerError("there is no record of these series in this range: nothing to draw")
