"""Records summed up in steps of time, such as five minutes. Pure: one pass, one step in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from itertools import groupby
from math import ceil
from typing import Any, NamedTuple

from handler.record import DEFAULT_MARKET, PLACES, Record
from handler.slots import format_timestamp, parse_timestamp, slot_start

_EXACT = Context(prec=100)
"""Adds the numbers of records, from 1e-18 to 1e38, without rounding."""


class Step(NamedTuple):
    """The records of one series in one step of time, as one row.

    `obi_of_sums` is the imbalance of the summed notionals, `n` the number of records, `expected` that of the slots.
    """

    timestamp: str  # the start of the step
    symbol: str
    levels: int
    bps: int | None
    market: str
    obi_mean: float
    obi_min: float
    obi_max: float
    obi_last: float
    obi_of_sums: float
    mid_mean: float | None  # None if no record has a mid
    n: int
    expected: int

    def values(self) -> dict[str, Any]:
        """The step as key → value; `bps` and `market` only where they are not the default."""
        values = self._asdict()
        if self.bps is None:
            del values["bps"]
        if self.market == DEFAULT_MARKET:
            del values["market"]
        return values


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of so many seconds, counted from the epoch, in [since, until); each slot takes `interval_seconds`."""

    step_seconds: int
    interval_seconds: int
    since: float
    until: float

    def of(self, rows: Iterable[tuple[str, Record]]) -> Iterator[Step]:
        """The steps of one series, whose records come in time order, each with its slot. Those without data are empty.

        An empty step is left out. Results are those of exact decimal arithmetic, rounded once, half to even.
        """
        with_data = ((parse_timestamp(slot), record) for slot, record in rows if record.has_data)
        for start, group in groupby(with_data, key=lambda row: slot_start(row[0], self.step_seconds)):
            yield _step(start, (record for _, record in group), self.expected_slots(start))

    def expected_slots(self, start: int) -> int:
        """How many slots of the step that starts then are inside the range."""
        first, end = max(start, self.since), min(start + self.step_seconds, self.until)
        return ceil(end / self.interval_seconds) - ceil(first / self.interval_seconds)


class _Sum:
    """An exact sum of decimal numbers, and how many there were."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.count = 0

    def add(self, number: float) -> None:
        self.total = _EXACT.add(self.total, Decimal(repr(number)))
        self.count += 1

    @property
    def mean(self) -> Fraction:
        return Fraction(self.total) / self.count


def _step(start: int, records: Iterator[Record], expected: int) -> Step:
    imbalances, bids, asks, mids = _Sum(), _Sum(), _Sum(), _Sum()
    lowest, highest = 1.0, -1.0
    for record in records:
        imbalances.add(record.obi)
        bids.add(record.notional_bid)
        asks.add(record.notional_ask)
        if record.mid is not None:
            mids.add(record.mid)
        lowest, highest = min(lowest, record.obi), max(highest, record.obi)
    return Step(
        format_timestamp(start),
        record.symbol,
        record.levels,
        record.bps,
        record.market,
        obi_mean=_rounded(imbalances.mean),
        obi_min=lowest,
        obi_max=highest,
        obi_last=record.obi,
        obi_of_sums=_rounded(_imbalance(Fraction(bids.total), Fraction(asks.total))),
        mid_mean=float(mids.mean) if mids.count else None,  # not rounded to places: the price of a pair may be tiny
        n=imbalances.count,
        expected=expected,
    )


def _imbalance(bid: Fraction, ask: Fraction) -> Fraction:
    return (bid - ask) / (bid + ask) if bid + ask else Fraction(0)


def _rounded(number: Fraction) -> float:
    return float(round(number, PLACES))
