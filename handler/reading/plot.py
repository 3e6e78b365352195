"""A picture of records: mid price above, a panel of imbalance for each pair and depth below, one time axis.

It looks the same on every machine: the user's matplotlib configuration is ignored, except for its cache of fonts.
"""

import logging
import os
import re
import warnings
from collections.abc import Sequence
from math import floor
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..slots import DAY_SECONDS, SECONDS_OF_UNIT, format_timestamp
from .plot_steps import Curve, all_curves, create_plotted, fitting_step, steps
from .source import Records
from .views import Depths

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its advice on configuration and fonts is not for our users
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}  # a wrong one in them would be an error
try:
    import numpy as np
    from matplotlib import rcdefaults, rcParams
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
except (ImportError, OSError, ValueError) as error:  # a file matplotlibrc in the working directory is read in any case
    raise UsageError(f"matplotlib cannot be loaded: {error}; run pip install matplotlib, in another folder") from error

MAX_PANELS = 6
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#444444")  # distinct for colour-blind readers too
LOOPBACK_HOST = re.compile(r"(localhost|127\.[0-9.]+|\[?::1\]?)(:[0-9]+)?")  # a host of this machine is no exchange
STYLE: Any = {"font.size": 8, "axes.titlesize": 8, "text.parse_math": False, "svg.fonttype": "none"}


def plot(
    records: Records,
    path: str,
    *,
    name: str,
    depths: Depths,
    step_seconds: int | None = None,
    full_scale: bool = False,
    pairs: Sequence[str] = (),
) -> None:
    """Write the picture of records, whose columns are mid, host and those of the depths, in the format that `name` has.

    Each pair and depth gets a panel, of all pairs unless `pairs` says which. Lines are means of steps; they break where
    less than half of a step is there. Raises HandlerError.
    """
    create_plotted(records, depths, pairs)
    curves = all_curves(records)
    panels = len(curves) + any(one.has_mid for one in curves)
    if panels > MAX_PANELS:
        raise UsageError(f"a picture has at most {MAX_PANELS} panels, not {panels}: give fewer pairs or depths")
    step_seconds = step_seconds or fitting_step(curves)
    lines = {(one.pair, one.depth): np.array(steps(records.engine, one, step_seconds), dtype=float) for one in curves}
    rcdefaults()  # instead of what a file matplotlibrc in the working directory says
    rcParams.update(STYLE)
    with warnings.catch_warnings(action="ignore"):  # for example about a letter that the font lacks
        _figure(curves, lines, step_seconds, full_scale=full_scale).savefig(path, format=picture_format(name))


def picture_format(name: str) -> str:
    """Return the format of a picture by the ending of its name. Raises UsageError."""
    suffix = Path(name).suffix.lower()[1:]
    if suffix not in ("png", "svg"):
        raise UsageError(f"--plot {name}: the name must end in .png or .svg")
    return suffix


def _figure(curves: list[Curve], lines: dict[tuple[str, str], Any], step_seconds: int, *, full_scale: bool) -> Any:
    since, until = min(one.since for one in curves), max(one.until for one in curves)
    pairs = list(dict.fromkeys(one.pair for one in curves))
    colors = dict(zip(pairs, COLORS, strict=False))
    priced = {one.pair: lines[one.pair, one.depth] for one in reversed(curves) if one.has_mid}
    count = len(curves) + bool(priced)
    figure = Figure(figsize=(7.2, 0.7 + 1.5 * count), dpi=200, layout="constrained")
    panels = list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
    if priced:
        _draw_prices(panels[0], {pair: priced[pair] for pair in pairs if pair in priced}, colors)
    for axes, one in zip(panels[bool(priced) :], curves, strict=True):
        _draw_imbalance(axes, one, lines[one.pair, one.depth], colors[one.pair], full_scale=full_scale)
    locator = AutoDateLocator(minticks=4, maxticks=9)
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    panels[-1].set_xlim(since / DAY_SECONDS, until / DAY_SECONDS)
    figure.align_ylabels()
    start, end = (format_timestamp(moment)[:16].replace("T", " ") for moment in (since, until))
    figure.suptitle(f"{start} to {end} UTC; {_points(curves, step_seconds)}")
    return figure


def _draw_prices(axes: Any, lines: dict[str, Any], colors: dict[str, str]) -> None:
    is_relative = len(lines) > 1  # two pairs have no common scale of prices, but one of changes
    for number, (pair, line) in enumerate(lines.items()):
        mids = line[:, 4]
        if is_relative:
            mids = (mids / mids[~np.isnan(mids)][0] - 1) * 100
        style = "-" if number % 2 == 0 else (0, (3, 2))  # spot and its future lie on each other
        _line(axes, line[:, 0], mids, line[:, 5] == 1, color=colors[pair], label=pair, linestyle=style)
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    axes.set_ylabel("mid, % since start" if is_relative else "mid price")
    axes.grid(alpha=0.3)
    if is_relative:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, frameon=False, borderpad=0)


def _draw_imbalance(axes: Any, curve: Curve, line: Any, color: str, *, full_scale: bool) -> None:
    times, means, low, high, _, is_sparse = line.T
    axes.axhline(0, color="black", linewidth=0.8)
    _line(axes, times, means, is_sparse == 1, color=color)
    axes.fill_between(times, low, high, where=is_sparse == 0, color=color, alpha=0.2, linewidth=0)
    axes.set_title(f"{curve.pair}, {curve.depth}", loc="left")
    percent = floor(curve.share * 10_000) / 100  # 100 only if nothing is missing
    axes.set_title(f"{percent:g} % of slots; {_hosts(curve.hosts)}", loc="right")
    axes.set_ylabel("imbalance")
    axes.grid(alpha=0.3)
    if full_scale:
        axes.set_ylim(-1.05, 1.05)


def _line(axes: Any, times: Any, values: Any, is_sparse: Any, **style: Any) -> None:
    """Draw a line through the steps that are not sparse; draw sparse steps, and those without a neighbour, as dots."""
    line = np.where(is_sparse, np.nan, values)
    (drawn,) = axes.plot(times, line, linewidth=0.9, **style)
    before, after = np.isnan(np.r_[np.nan, line[:-1]]), np.isnan(np.r_[line[1:], np.nan])
    alone = np.isnan(line) | (before & after)
    (dots,) = axes.plot(times[alone], values[alone], ".", color=drawn.get_color(), markersize=3, clip_on=False)
    dots.set_in_layout(False)  # no dots at all would lie in a corner of the picture, and leave no room for panels


def _hosts(hosts: list[str] | None) -> str:
    if not hosts:
        return "host unknown"
    return " and ".join(f"synthetic ({host})" if LOOPBACK_HOST.fullmatch(host) else host for host in hosts)


def _points(curves: list[Curve], step_seconds: int) -> str:
    """Explain a point of a line and the band around it, for the title."""
    unit = [unit for unit, seconds in SECONDS_OF_UNIT.items() if step_seconds % seconds == 0][-1]  # the longest
    step = f"{step_seconds // SECONDS_OF_UNIT[unit]}{unit}"
    if all(one.max_interval == step_seconds for one in curves):
        return f"one point: one sample, every {step}"
    return f"line: means of {step}, shaded: 10th to 90th percentile"
