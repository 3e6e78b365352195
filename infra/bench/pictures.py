"""The chart of the warm part, for the page of benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from infra.bench.environments import ROOT
from infra.bench.results import FLOOR, US

WARM = ROOT / "docs/bench-warm.png"
_MICROS = (30, 100, 300, 1000, 3000, 10_000, 30_000)


def draw_warm(levels: Sequence[int], micros: Mapping[str, Sequence[float]]) -> Path:
    """CPU of a sample against levels, a line for each contender, both axes logarithmic."""
    drawing = Figure(figsize=(8, 5), dpi=110, layout="constrained")
    axes = drawing.subplots()
    for name, values in micros.items():
        style: dict[str, Any] = {"color": "0.6", "linestyle": "--"} if name == FLOOR.label else {}
        if name == US.label:
            style = {"color": "black", "linewidth": 3}
        axes.plot(levels, values, marker="o", label=name.strip("*"), **style)
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(levels, [f"{count}" for count in levels])
    axes.set_yticks(_MICROS, [f"{value}" for value in _MICROS])
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    axes.set(xlabel="levels a side", ylabel="CPU of one sample, µs", title="Warm: one more sample (lower is cheaper)")
    axes.legend(fontsize="small")
    drawing.savefig(WARM)
    return WARM
