"""What each part of the benchmark is given and returns; and how measurements become figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from infra.bench.environments import OURS, Environments
from infra.bench.processes import Cost


class Peer(NamedTuple):
    """A contender: its name in tables, its virtual environment, its module in `contenders`."""

    label: str
    environment: str
    module: str


FLOOR = Peer("floor: raw sockets", OURS, "floor")
US = Peer("**this project**", OURS, "ours")
REQUESTS = Peer("requests", OURS, "requests_plain")
LEAN = Peer("requests, lean", OURS, "requests_lean")
OTHERS = (
    REQUESTS,
    LEAN,
    Peer("python-binance", "python-binance", "python_binance"),
    Peer("python-binance, async", "python-binance", "python_binance_async"),
    Peer("ccxt", "ccxt", "ccxt_sync"),
    Peer("binance-sdk-spot", "binance-sdk-spot", "sdk_spot"),
)


@dataclass(frozen=True)
class Bench:
    """The options of a run."""

    environments: Environments
    quick: bool
    log: Callable[[str], None]

    @property
    def others(self) -> Sequence[Peer]:
        """The peers to compare with; in a quick run, those that need no environment of their own."""
        return [peer for peer in OTHERS if peer.environment == OURS or not self.quick]

    def rounds(self, full: int) -> int:
        """How often each contender is measured."""
        return 1 if self.quick else full


@dataclass(frozen=True)
class Target:
    """A promise: a figure, and its maximum."""

    name: str
    figure: float
    maximum: float

    @property
    def met(self) -> bool:
        """Whether the figure is at most the maximum."""
        return self.figure <= self.maximum


@dataclass(frozen=True)
class Section:
    """The results of a part: Markdown, targets and pictures."""

    title: str
    text: str
    targets: Sequence[Target] = ()
    pictures: Sequence[Path] = ()


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


def ratio(costs: Sequence[Cost], base: Sequence[Cost], what: str = "cpu") -> Figure:
    """The CPU, `wall` or `peak_mb` of each round divided by the base's of the same round."""
    return figure([getattr(cost, what) / getattr(one, what) for cost, one in zip(costs, base, strict=True)])


def micros(costs: Sequence[Cost], samples: int) -> Figure:
    """CPU microseconds of one of so many samples."""
    return figure([cost.cpu * 1e6 / samples for cost in costs])


def table(head: Sequence[str], rows: Mapping[str, Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _text(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
