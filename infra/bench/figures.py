"""From measurements to figures: ratios round by round, then the median and the quartiles. Pure."""

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import NamedTuple


class Figure(NamedTuple):
    """A median, and the quartiles around it."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{_text(self.median)} ({_text(self.low)}–{_text(self.high)})"


def figure(values: Sequence[float]) -> Figure:
    """The median and quartiles of some values."""
    if len(values) == 1:
        return Figure(values[0], values[0], values[0])
    low, median, high = quantiles(values, n=4, method="inclusive")
    return Figure(low, median, high)


def ratio(values: Sequence[float], base: Sequence[float]) -> Figure:
    """Values against a base, each divided by the one of its own round."""
    return figure([value / one for value, one in zip(values, base, strict=True)])


def table(head: Sequence[str], rows: Mapping[str, Sequence[object]]) -> str:
    """A Markdown table; what is None stays empty."""
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "\n".join("| " + " | ".join("–" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def _text(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
