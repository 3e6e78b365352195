"""A picture of records: mid price above, imbalance below, one time axis.

It looks the same on every machine: the user's matplotlib configuration is ignored, except for its cache of fonts.
"""

import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from handler.cli.axis_labels import format_duration, plain_numbers, readable_step, time_ticks
from handler.cli.plot_samples import Samples, samples_of_records, samples_of_steps
from handler.errors import UsageError
from handler.record import Record, Series
from handler.slots import format_timestamp
from handler.steps import Step

IGNORED_VARIABLES = ("MPLBACKEND", "MATPLOTLIBRC")
"""matplotlib reads these while it is imported, and fails if they name an invalid backend or file."""

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its advice on configuration and fonts is not for our users
_environment = {name: os.environ.pop(name, None) for name in IGNORED_VARIABLES}
os.environ["MATPLOTLIBRC"] = os.devnull  # an empty configuration, instead of the one in the home directory
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import numpy as np
        from matplotlib import rc_context, rcParamsDefault
        from matplotlib.figure import Figure
        from matplotlib.ticker import ScalarFormatter
except ImportError:
    raise UsageError("--plot needs the package matplotlib: run pip install matplotlib") from None
except (OSError, ValueError) as error:  # a file matplotlibrc in the working directory is read in any case
    raise UsageError(
        f"--plot: matplotlib cannot be loaded: {error}; check the file matplotlibrc in this directory, if there is one,"
        " and that temporary files can be written"
    ) from error
finally:
    del os.environ["MATPLOTLIBRC"]
    os.environ.update({name: value for name, value in _environment.items() if value is not None})

SUFFIXES = (".png", ".svg")
MAX_POINTS = 480
"""Points of a line; more are not readable. More samples are drawn as means over longer steps, with a band."""
BAND_PERCENTILES = (10, 90)
"""Of the samples of a step: the lower and upper edge of the band."""
COLORS = (
    *("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown"),
    *("tab:pink", "tab:gray", "tab:olive", "tab:cyan", "black", "fuchsia"),
)
"""One per pair, and as many as there can be panels."""

DAY = 86_400
"""Seconds; the time axis counts days since the epoch, as matplotlib's dates do."""


class TimeAxis(NamedTuple):
    """The range in epoch seconds, how many seconds one point of a line stands for, and what the point and band are."""

    since: float
    until: float
    step_seconds: int
    label: str  # empty if a point is a single sample
    band: str


def draw(records: Iterable[Record], path: str, interval_seconds: int | None, *, since: float, until: float) -> None:
    """Write the picture of [since, until), as .png or .svg: prices above, a panel of imbalance for each series below.

    Lines break at gaps, which are longer than the interval: without one, that of the newest records. Raises UsageError
    for another suffix or too many series, HandlerError if there is nothing to draw, OSError if the file cannot be
    written.
    """
    _check_suffix(path)
    samples = samples_of_records(records, interval_seconds)
    interval_seconds = samples.interval_seconds
    step_seconds = readable_step((until - since) / MAX_POINTS, interval_seconds)
    label = f"{format_duration(step_seconds)} mean" if step_seconds > interval_seconds else ""
    band = f"{BAND_PERCENTILES[0]}th to {BAND_PERCENTILES[1]}th percentile"
    _save(samples, path, TimeAxis(since, until, step_seconds, label, band))


def draw_steps(steps: Iterable[Step], path: str, step_seconds: int, *, since: float, until: float) -> None:
    """Write the picture of steps: a line of their means, with a band from minimum to maximum. Otherwise as `draw`."""
    _check_suffix(path)
    samples = samples_of_steps(steps, step_seconds)
    label = f"{format_duration(step_seconds)} mean"
    _save(samples, path, TimeAxis(since, until, step_seconds, label, "minimum to maximum"))


def _check_suffix(path: str) -> None:
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path}: the name must end in {' or '.join(SUFFIXES)}")


def _save(samples: Samples, path: str, requested: TimeAxis) -> None:
    imbalances = {
        series: np.array(values).reshape(-1, samples.values_per_point) for series, values in samples.imbalances.items()
    }
    mids = {pair: np.array(list(prices.items()), dtype=float).reshape(-1, 2) for pair, prices in samples.mids.items()}
    times = np.concatenate([points[:, 0] for points in imbalances.values()])
    # the last slot starts before `until`, but its sample may come later
    time_axis = requested._replace(since=min(requested.since, times.min()), until=max(requested.until, times.max()))
    with _default_style():
        _figure(mids, imbalances, time_axis).savefig(path)


@contextmanager
def _default_style() -> Iterator[None]:
    """Use matplotlib's defaults instead of the user's configuration, and draw a `$` in a name as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for example about a letter that the font lacks
        style: Any = {key: value for key, value in rcParamsDefault.items() if key != "backend"}
        style["text.parse_math"] = False
        with rc_context(style):
            yield


def _figure(mids: dict[str, Any], imbalances: dict[Series, Any], time_axis: TimeAxis) -> Any:
    count = len(imbalances)
    heights = [3.0] + [2.5 if count <= 4 else 1.8] * count  # inches; the label beside a panel needs 1.8
    figure = Figure(figsize=(12, sum(heights)), dpi=120, layout="constrained")
    prices, *panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    colors = dict(zip(mids, COLORS, strict=False))
    _draw_prices(prices, mids, colors, time_axis)
    for axes, (series, points) in zip(panels, imbalances.items(), strict=True):
        _draw_imbalance(axes, points, f"{series.pair}, {series.depth}", colors[series.pair], time_axis)
    _mark_times(panels[-1], time_axis)
    return figure


def _draw_prices(axes: Any, mids: dict[str, Any], colors: dict[str, str], time_axis: TimeAxis) -> None:
    is_relative = len(mids) > 1  # two pairs have no common scale of prices, but one of changes
    for pair, points in mids.items():
        if not len(points):
            continue
        times, values = points.T
        if is_relative:
            values = (values / values[np.argmin(times)] - 1) * 100
        _line(axes, np.column_stack([times, values]), time_axis, color=colors[pair], label=pair)
    axes.yaxis.set_major_formatter(_PlainNumbers())
    axes.grid(alpha=0.3)
    axes.set_ylabel("mid price, % since the start" if is_relative else "mid price, in the quote asset")
    if not axes.lines:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no mid price is stored", transform=axes.transAxes, ha="center")
        return
    title = ": ".join(filter(None, ("Mid price" if is_relative else next(iter(mids)), time_axis.label)))
    if is_relative:
        axes.legend(
            title=title,
            loc="lower left",
            bbox_to_anchor=(0, 1),  # above the panel, so that it hides no line
            alignment="left",
            ncols=6,
            fontsize="small",
            title_fontsize="medium",
            frameon=False,
            borderpad=0,
        )
    else:
        axes.set_title(title, loc="left", fontsize="medium")


def _draw_imbalance(axes: Any, points: Any, name: str, color: str, time_axis: TimeAxis) -> None:
    _line(axes, points, time_axis, color=color, label=name, has_band=True)
    if time_axis.label:
        name += f": {time_axis.label}; shaded: {time_axis.band}"
    axes.set_title(name, loc="left", fontsize="medium")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylim(-1.05, 1.05)
    axes.set_ylabel("order book imbalance\n← asks      bids →")
    axes.grid(alpha=0.3)


def _line(axes: Any, points: Any, time_axis: TimeAxis, *, color: str, label: str, has_band: bool = False) -> None:
    """One line of the mean of each step, broken where a step has no sample; `has_band`: with a band around it."""
    points = points[np.argsort(points[:, 0], kind="stable")]
    steps = points[:, 0] // time_axis.step_seconds  # numbered from the epoch, so that a gap does not shift them
    starts = np.flatnonzero(np.diff(steps, prepend=-1))
    breaks = np.flatnonzero(np.diff(steps[starts]) > 1) + 1
    groups = np.split(points, starts[1:])
    x = _with_breaks((float(np.mean(group[:, 0] / DAY)) for group in groups), breaks)
    means = _with_breaks(
        (np.clip(np.mean(group[:, 1]), group[:, 1].min(), group[:, 1].max()) for group in groups), breaks
    )
    axes.plot(x, means, color=color, label=label, linewidth=1.2)
    isolated = np.isnan(np.r_[np.nan, means[:-1]]) & np.isnan(np.r_[means[1:], np.nan])
    # a dot at the edge of the panel is not cut off
    (dots,) = axes.plot(x[isolated], means[isolated], ".", color=color, clip_on=False)
    dots.set_in_layout(False)
    if has_band and time_axis.label:
        low, high = (_with_breaks(edge, breaks) for edge in zip(*map(_band, groups), strict=True))
        axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
        axes.vlines(x[isolated], low[isolated], high[isolated], color=color, alpha=0.2, linewidth=5)


def _band(group: Any) -> tuple[float, float]:
    """The edges of the band at one step: those that its points have, or percentiles of them."""
    if group.shape[1] == 4:
        return group[:, 2].min(), group[:, 3].max()
    low, high = np.percentile(group[:, 1], BAND_PERCENTILES)
    return low, high


def _with_breaks(numbers: Iterable[float], breaks: Any) -> Any:
    """The numbers, with a NaN, which is not drawn, before each break."""
    return np.insert(np.fromiter(numbers, dtype=float), breaks, np.nan)


def _mark_times(axes: Any, time_axis: TimeAxis) -> None:
    ticks = time_ticks(time_axis.since, time_axis.until)
    axes.set_xlim(time_axis.since / DAY, time_axis.until / DAY)
    axes.set_xticks([moment / DAY for moment in ticks], labels=list(ticks.values()))
    since, until = (format_timestamp(moment)[:16].replace("T", " ") for moment in (time_axis.since, time_axis.until))
    axes.set_xlabel(f"UTC, from {since} to {until}")


class _PlainNumbers(ScalarFormatter):
    """Labels an axis with numbers in full: no exponent, no offset, and no small number as 0."""

    def format_ticks(self, values: Any) -> list[str]:
        return plain_numbers(values)
