"""Rows, the page that they make, and its picture."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

BEGIN, END = "<!-- written by make bench -->\n", "<!-- end -->\n"


class Row(NamedTuple):
    """One figure, the most (or with `is_minimum` the least) that it should be, and its unit."""

    what: str
    value: float
    target: float | None = None
    unit: str = "×"
    is_minimum: bool = False


Curves = dict[str, dict[str, dict[float, float]]]  # panel of the picture → label of a curve → x → y


class Bench(NamedTuple):
    """The rounds, the folder of files, and the curves of the picture so far."""

    quick: bool
    folder: Path
    curves: Curves

    def rounds(self, number: int) -> int:
        """As many rounds, or one."""
        return 1 if self.quick else number

    def point(self, panel: str, label: str, x: float, y: float) -> None:
        """Add a point to the picture."""
        self.curves.setdefault(panel, {}).setdefault(label, {})[x] = y


def cell(row: Row) -> str:
    """One line of the table."""
    met = row.target is None or (row.value >= row.target if row.is_minimum else row.value <= row.target)
    target = "" if row.target is None else f"{'≥' if row.is_minimum else '≤'} {row.target:g}"
    value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:.3g}"
    return f"| {row.what} | {value} {row.unit} | {target}{'' if met else ', missed'} |"


def write_page(path: Path, rows: Iterable[Row]) -> None:
    """Replace the table and the name of the machine in the page; what stands around them is written by hand."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{os.cpu_count()} CPUs ({model[1] if model else platform.machine()}), Python {platform.python_version()}"
    written = f"{datetime.now(UTC):%Y-%m-%d}, {machine}:\n\n| | measured | target |\n|---|---:|---|\n"
    written += "".join(f"{cell(row)}\n" for row in rows)
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    path.write_text(f"{before}{BEGIN}{written}{END}{rest.split(END)[1]}", encoding="utf-8")


def draw(curves: Curves, path: Path) -> None:
    """One panel for each thing that grows, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    for axes, (panel, lines) in zip(figure.subplots(2, 2).flat, curves.items(), strict=True):
        for label, curve in lines.items():
            is_ours = label.startswith("this project")
            axes.plot(list(curve), list(curve.values()), marker="o", label=label, linewidth=2.5 if is_ours else 1.2)
        x_label, y_label = panel.split(": ")
        axes.set(xscale="log", yscale="log" if "CPU" in y_label else "linear", xlabel=x_label, ylabel=y_label)
        ticks = next(iter(lines.values()))
        axes.set_xticks(list(ticks), [f"{x:g}" for x in ticks], minor=False)
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)
