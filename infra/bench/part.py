"""What every part of the benchmark is given, and gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.bench.environments import OURS, Environments
from infra.bench.processes import CONTENDERS


@dataclass(frozen=True)
class Peer:
    """A contender: what tables call it, its environment, its file."""

    label: str
    environment: str
    file: str

    @property
    def path(self) -> Path:
        """The file that its interpreter runs."""
        return CONTENDERS / f"{self.file}.py"


FLOOR = Peer("floor: raw sockets", OURS, "floor")
US = Peer("**this project**", OURS, "ours")
OTHERS = (
    Peer("python-binance", "python-binance", "python_binance"),
    Peer("python-binance, async", "python-binance", "python_binance_async"),
    Peer("ccxt", "ccxt", "ccxt_sync"),
    Peer("ccxt, async", "ccxt", "ccxt_async"),
    Peer("binance-sdk-spot", "binance-sdk-spot", "sdk_spot"),
)


@dataclass(frozen=True)
class Bench:
    """How a run is done."""

    environments: Environments
    quick: bool
    tell: Callable[[str], None]

    def rounds(self, full: int) -> int:
        """How often each contender has its turn."""
        return 3 if self.quick else full


@dataclass(frozen=True)
class Target:
    """A promise: a figure, and the most it may be."""

    what: str
    figure: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the figure keeps it."""
        return self.figure <= self.most


@dataclass(frozen=True)
class Section:
    """What a part found out: Markdown, the promises it looked at, and the pictures that it drew."""

    title: str
    text: str
    targets: Sequence[Target] = ()
    pictures: Sequence[Path] = field(default_factory=list)
