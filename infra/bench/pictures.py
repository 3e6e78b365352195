"""The charts of the warm and the growth part, for the page of benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from infra.bench.environments import ROOT
from infra.bench.results import FLOOR, US

_TICKS = (30, 100, 300, 1000, 3000, 10_000, 30_000)


def draw_warm(levels: Sequence[int], micros: Mapping[str, Sequence[float]]) -> Path:
    """CPU of a sample against levels, a line for each contender, both axes logarithmic."""
    drawing = Figure(figsize=(8, 5), dpi=110, layout="constrained")
    axes = drawing.subplots()
    for name, values in micros.items():
        style: dict[str, Any] = {"color": "0.6", "linestyle": "--"} if name == FLOOR.label else {}
        if name == US.label:
            style = {"color": "black", "linewidth": 3}
        axes.plot(levels, values, marker="o", label=name.strip("*"), **style)
    _set_scales(axes, levels, _TICKS)
    axes.set(xlabel="levels a side", ylabel="CPU of one sample, µs", title="Warm: one more sample (lower is cheaper)")
    axes.legend(fontsize="small")
    return _save(drawing, "bench-warm.png")


def draw_growth(curves: Mapping[str, Sequence[tuple[int, float, float]]]) -> Path:
    """A panel for what grows: CPU microseconds of a sample, and in grey the peak memory in MB, against size."""
    drawing = Figure(figsize=(10, 3.5), dpi=110, layout="constrained")
    panels = drawing.subplots(1, len(curves), sharey=True)
    for axes, (name, points) in zip(panels, curves.items(), strict=True):
        sizes, micros, peaks_mb = zip(*points, strict=True)
        axes.plot(sizes, micros, marker="o", color="black", label="CPU of a sample, µs")
        axes.plot(sizes, peaks_mb, marker="o", color="0.6", label="peak memory, MB")
        _set_scales(axes, sizes, _TICKS[:5])
        axes.tick_params(axis="x", labelrotation=45)
        axes.set(xlabel=name)
    panels[0].legend(fontsize="small", loc="upper left")
    return _save(drawing, "bench-growth.png")


def _set_scales(axes: Any, xticks: Sequence[float], yticks: Sequence[float]) -> None:
    """Both logarithmic, with plain numbers at these ticks."""
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(xticks, [f"{value}" for value in xticks])
    axes.set_yticks(yticks, [f"{value}" for value in yticks])
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)


def _save(drawing: Figure, name: str) -> Path:
    path = ROOT / "docs" / name
    drawing.savefig(path)
    return path
