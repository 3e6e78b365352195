"""How much of history is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """How much is stored, read and loaded."""

    items: int
    """Records of the long series, one a minute."""
    year: int
    """Days of the longest range that is compared, and of the series with gaps."""
    month: int
    """Days of the range that is compared again and again."""
    lines: int
    """Lines that are loaded again and again."""
    sample: int
    """Items that the loop of put_item puts: its rate does not depend on how many."""
    rounds: int
    sizes: tuple[int, ...]
    """Records that are read and loaded to see the costs grow."""


FULL = Extent(
    items=1_000_000,
    year=365,
    month=30,
    lines=100_000,
    sample=3_000,
    rounds=5,
    sizes=(1_000, 10_000, 100_000, 1_000_000),
)
QUICK = Extent(
    items=30_000, year=20, month=7, lines=10_000, sample=1_000, rounds=3, sizes=(1_000, 3_000, 10_000, 30_000)
)
