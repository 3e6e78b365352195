"""A picture of records: mid price above, imbalance below, one time axis."""

from collections import defaultdict
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Any

from handler.errors import HandlerError, UsageError
from handler.record import Record
from handler.times import parse_time

try:
    import matplotlib.dates as mdates
    import numpy as np
    from matplotlib.figure import Figure
except ImportError:
    raise UsageError("--plot needs the package matplotlib: run pip install matplotlib") from None

KINDS = (".png", ".svg")
MOST_POINTS = 480
"""Points that a line is readable with; more samples are drawn as their mean over longer steps, in a band."""
BAND = (10, 90)
"""Percentiles of the samples of a step that the band reaches from and to."""

DAY = 86_400
"""Seconds; matplotlib counts time in days since the epoch."""

Series = tuple[str, int]


def draw(records: Iterable[Record], path: str, interval_seconds: int) -> None:
    """Write the picture, as .png or .svg: prices above, a panel of imbalance for each series below. Gaps stay open.

    Raises UsageError for another ending, HandlerError if there is nothing to draw, OSError if it cannot be written.
    """
    if Path(path).suffix.lower() not in KINDS:
        raise UsageError(f"--plot {path}: the name must end in {' or '.join(KINDS)}")
    columns = _columns(records)
    if not columns:
        raise HandlerError("the table holds no record of these series in this range: nothing to draw")
    figure = Figure(figsize=(12, 3 + 2.5 * len(columns)), dpi=120, layout="constrained")
    prices, *panels = figure.subplots(1 + len(columns), 1, sharex=True)
    colors = {symbol: f"C{index}" for index, symbol in enumerate(dict.fromkeys(symbol for symbol, _ in columns))}
    _draw_prices(prices, columns, colors, interval_seconds)
    for axes, ((symbol, levels), points) in zip(panels, columns.items(), strict=True):
        _draw_imbalance(axes, points, f"{symbol}, {levels} levels", colors[symbol], interval_seconds)
    locator = mdates.AutoDateLocator()
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    panels[-1].set_xlabel("UTC")
    figure.savefig(path)


def _columns(records: Iterable[Record]) -> dict[Series, Any]:
    """Time, mid price and imbalance of each series, as one array of three columns."""
    rows = defaultdict(list)
    for record in records:
        mid = np.nan if record.mid is None else record.mid
        rows[record.symbol, record.levels].append((parse_time(record.timestamp), mid, record.obi))
    return {series: np.array(points) for series, points in rows.items()}


def _draw_prices(axes: Any, columns: dict[Series, Any], colors: dict[str, str], interval_seconds: int) -> None:
    for symbol, color in colors.items():
        times, mids, _ = next(points for (name, _), points in columns.items() if name == symbol).T
        known = mids[~np.isnan(mids)]
        if len(colors) > 1 and len(known):  # prices of two pairs have no common scale, their changes have
            mids = (mids / known[0] - 1) * 100
        _line(axes, times, mids, interval_seconds, color=color, label=symbol)
    axes.set_title(", ".join(colors), loc="left", fontsize="medium")
    axes.set_ylabel("mid price, % since the start" if len(colors) > 1 else "mid price, in the quote asset")
    axes.grid(alpha=0.3)
    if len(colors) > 1:
        axes.legend(loc="best", ncols=8, fontsize="small")


def _draw_imbalance(axes: Any, points: Any, label: str, color: str, interval_seconds: int) -> None:
    times, _, imbalances = points.T
    step = _line(axes, times, imbalances, interval_seconds, color=color, label=label, band=True)
    if step > interval_seconds:
        label += f": mean of {step / 60:g} min in the band from {BAND[0]} to {BAND[1]} % of its samples"
    axes.set_title(label, loc="left", fontsize="medium")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylim(-1.05, 1.05)
    axes.set_ylabel("order book imbalance\n← asks      bids →")
    axes.grid(alpha=0.3)


def _line(
    axes: Any, times: Any, values: Any, interval_seconds: int, *, color: str, label: str, band: bool = False
) -> int:
    """One line, broken wherever a sample is missing; of many samples their mean, in the band that most are in.

    Returns the seconds that one point stands for.
    """
    longest = int(times[-1] - times[0])
    step = interval_seconds * max(ceil(longest / (MOST_POINTS * interval_seconds)), 1)
    after_gap = np.diff(times // interval_seconds, prepend=times[0] // interval_seconds) > 1
    starts = np.flatnonzero(after_gap | (np.diff(times // step, prepend=-1) > 0))
    groups = np.split(values, starts[1:])
    breaks = np.flatnonzero(after_gap[starts])
    x, means = (_open(map(np.mean, parts), breaks) for parts in (np.split(times / DAY, starts[1:]), groups))
    axes.plot(x, means, color=color, label=label, linewidth=1.2)
    alone = np.isnan(np.r_[np.nan, means[:-1]]) & np.isnan(np.r_[means[1:], np.nan])
    axes.plot(x[alone], means[alone], ".", color=color)
    if band and len(groups) < len(values):
        low, high = (_open((np.percentile(group, level) for group in groups), breaks) for level in BAND)
        axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    return step


def _open(numbers: Iterable[float], breaks: Any) -> Any:
    """The numbers with nothing, which no line crosses, before each break."""
    return np.insert(np.fromiter(numbers, dtype=float), breaks, np.nan)
