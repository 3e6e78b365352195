"""The plots, for `docs/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from infra.bench.part import FLOOR, US
from infra.bench.servers import ROOT

if TYPE_CHECKING:
    from infra.bench.growth import Point
    from infra.bench.records import Growth

FOLDER = ROOT / "docs"
WARM_LEVELS = (5, 20, 100, 1000, 5000)


def draw_warm(micros: Mapping[str, Sequence[float]]) -> Path:
    """CPU of a sample against levels, a line for each contender, both axes logarithmic."""
    drawing = Figure(figsize=(8, 5), dpi=110, layout="constrained")
    axes = drawing.subplots()
    for name, values in micros.items():
        style: dict[str, Any] = {"color": "0.6", "linestyle": "--"} if name == FLOOR.label else {}
        if name == US.label:
            style = {"color": "black", "linewidth": 3}
        axes.plot(WARM_LEVELS, values, marker="o", label=name.strip("*"), **style)
    _logarithmic(axes, WARM_LEVELS)
    axes.set_yscale("log")
    axes.set_yticks(
        [30, 100, 300, 1000, 3000, 10_000, 30_000], ["30", "100", "300", "1000", "3000", "10 000", "30 000"]
    )
    axes.minorticks_off()
    axes.set(xlabel="levels a side", ylabel="CPU of one sample, µs", title="Warm: one more sample (lower is cheaper)")
    axes.legend(fontsize="small")
    return _saved(drawing, "bench-warm.png")


def draw_growth(by_pairs: "Sequence[Point]", by_levels: "Sequence[Point]", by_ticks: "Sequence[Point]") -> Path:
    """CPU of a sample above, peak of memory below: against pairs, levels and ticks."""
    drawing = Figure(figsize=(11, 5), dpi=110, layout="constrained")
    drawing.suptitle("This project: CPU and memory as it gets more to do")
    columns = drawing.subplots(2, 3, sharex="col").T
    labels = ("pairs at 20 levels, one tick", "levels of one pair", "ticks of one pair at 20 levels")
    for (upper, lower), label, points in zip(columns, labels, (by_pairs, by_levels, by_ticks), strict=True):
        sizes = [point.size for point in points]
        upper.plot(sizes, [point.micros.median for point in points], marker="o", color="black")
        lower.plot(sizes, [point.peak_mb for point in points], marker="o", color="C0")
        if points is not by_levels:  # these end up in a straight line, which a logarithmic axis would hide
            _logarithmic(lower, sizes)
        lower.set_xlabel(label)
        for axes in (upper, lower):
            axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
            axes.grid(visible=True, alpha=0.3)
    columns[0][0].set_ylabel("CPU of a sample, µs")
    columns[0][1].set_ylabel("peak memory, MB")
    return _saved(drawing, "bench-growth.png")


def draw_records(read: "Sequence[Growth]", loaded: "Sequence[Growth]") -> Path:
    """CPU of a record on the left, peak of memory on the right: against how many are read and loaded."""
    drawing = Figure(figsize=(11, 3.5), dpi=110, layout="constrained")
    drawing.suptitle("This project: more and more records")
    left, right = drawing.subplots(1, 2)
    for name, growth in (("history", read), ("load", loaded)):
        sizes = [point.size for point in growth]
        left.plot(sizes, [point.micros for point in growth], marker="o", label=name)
        right.plot(sizes, [point.peak_mb for point in growth], marker="o", label=name)
    for axes, label in ((left, "CPU of a record, µs"), (right, "peak memory, MB")):
        _logarithmic(axes, sizes)
        axes.set(xlabel="records", ylabel=label, ylim=(0, axes.get_ylim()[1] * 1.1))
        axes.legend(fontsize="small")
    return _saved(drawing, "bench-records.png")


def _logarithmic(axes: Any, ticks: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)


def _saved(drawing: Figure, name: str) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    drawing.savefig(path)
    return path
