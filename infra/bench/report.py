"""Rows, the page that they make, and its picture."""

import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One figure, the most (or with `is_minimum` the least) that it should be, and its unit."""

    what: str
    value: float
    target: float | None = None
    unit: str = "×"
    is_minimum: bool = False


class Bench(NamedTuple):
    """The rounds, the folder of files, and curves for the picture: name → levels → µs of CPU."""

    quick: bool
    folder: Path
    curves: dict[str, dict[int, float]]

    def rounds(self, number: int) -> int:
        """As many rounds, or one."""
        return 1 if self.quick else number


def cell(row: Row) -> str:
    """One line of the table."""
    met = row.target is None or (row.value >= row.target if row.is_minimum else row.value <= row.target)
    target = "" if row.target is None else f"{'≥' if row.is_minimum else '≤'} {row.target:g}"
    value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:.3g}"
    return f"| {row.what} | {value} {row.unit} | {target}{'' if met else ', missed'} |"


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{os.cpu_count()} CPUs ({model[1] if model else platform.machine()}), Python {platform.python_version()}"
    head = f"""# Benchmarks

Written by `make bench` on a quiet machine: {machine}, the same interpreter for all. The
exchange is the fake one, with two dozen headers, gzip for clients that accept it, and books that do not change.
Contenders take turns; a figure is the median of the rounds' ratios. The others are requests, python-binance and ccxt;
the best of them is the cheapest in that round. The raw socket reads with `json.loads`, sums, and handles no error.

![CPU of one sample, by levels](benchmarks.png)

| | measured | target |
|---|---:|---:|
"""
    return head + "".join(f"{cell(row)}\n" for row in rows)


def draw(curves: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """CPU of one sample by levels, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    for name, curve in curves.items():
        label = {"ours": "this project", "raw": "a raw socket"}.get(name, name)
        axes.plot(list(curve), list(curve.values()), marker="o", label=label, linewidth=2.5 if name == "ours" else 1.2)
    axes.set(xscale="log", yscale="log", xlabel="levels", ylabel="CPU of one sample, µs")
    axes.set_xticks(list(curves["ours"]), [str(levels) for levels in curves["ours"]])
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110, bbox_inches="tight")
