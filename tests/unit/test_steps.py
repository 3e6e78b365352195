"""Steps say what exact arithmetic says of their records, in one pass."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archive import PAST
from support.records import amounts, known, ratios

from handler.record import Depth, Record, no_data
from handler.slots import format_timestamp, parse_timestamp
from handler.steps import Step, Steps

Row = tuple[str, Record]
HOUR = 3600


def rows(*minutes: int, **values: Any) -> list[Row]:
    """Records of these minutes, from midnight."""
    return [row(minute, **values) for minute in minutes]


def row(minute: int, **values: Any) -> Row:
    slot = format_timestamp(PAST + 60 * minute)
    return slot, known(timestamp=slot, **values)


def steps(step_minutes: int, records: list[Row], *, since: float = PAST, until: float = PAST + HOUR) -> list[Step]:
    return list(Steps(60 * step_minutes, 60, since, until).of(records))


def exact(number: float) -> Fraction:
    return Fraction(Decimal(repr(number)))


numbers = st.tuples(ratios, amounts, amounts.filter(bool), st.none() | amounts)


@given(st.dictionaries(st.integers(0, 59), numbers, max_size=8), st.integers(1, 61))
def test_numbers(by_minute: dict[int, Any], step_minutes: int) -> None:
    """Each number is that of exact fractions, rounded once; no record is lost, and no step is empty."""
    keys = ("obi", "notional_bid", "notional_ask", "mid")
    records = [row(minute, **dict(zip(keys, by_minute[minute], strict=True))) for minute in sorted(by_minute)]
    found = steps(step_minutes, records)
    assert sum(step.n for step in found) == len(records)
    for step in found:
        inside = [record for slot, record in records if in_step(slot, step, step_minutes)]
        imbalances = [record.obi for record in inside]
        mids = [exact(record.mid) for record in inside if record.mid is not None]
        bid = sum((exact(record.notional_bid) for record in inside), Fraction())
        ask = sum((exact(record.notional_ask) for record in inside), Fraction())
        assert step[5:12] == (
            float(round(Fraction(sum(map(exact, imbalances)), len(inside)), 6)),
            min(imbalances),
            max(imbalances),
            imbalances[-1],
            float(round((bid - ask) / (bid + ask), 6)),
            float(Fraction(sum(mids), len(mids))) if mids else None,
            len(inside),
        )


def in_step(slot: str, step: Step, step_minutes: int) -> bool:
    start = parse_timestamp(step.timestamp)
    return start <= parse_timestamp(slot) < start + 60 * step_minutes


@pytest.mark.parametrize(("second", "mean"), [(0.000002, 0.000002), (0.000004, 0.000002), (-0.000002, 0.0)])
def test_half_to_even(second: float, mean: float) -> None:
    """A mean in the middle of two numbers of 6 places is the even one, as decimals are meant, and never -0.0."""
    [step] = steps(5, [row(0, obi=0.000001), row(1, obi=second)])
    assert repr(step.obi_mean) == repr(mean)


def test_small_price() -> None:
    """The mean of a price is not rounded to 6 places: a pair may cost less."""
    [step] = steps(5, [row(0, mid=0.00000811), row(1, mid=0.00000812)])
    assert step.mid_mean == 0.000008115


def test_alignment() -> None:
    """Steps are aligned to the clock, not to the range, and those without a record are left out."""
    found = steps(5, rows(3, 4, 5, 17), since=PAST + 180)
    assert [(step.timestamp[11:16], step.n) for step in found] == [("00:00", 2), ("00:05", 1), ("00:15", 1)]


@given(st.integers(0, 3600), st.integers(1, 3600), st.sampled_from([1, 5, 60, 300]), st.integers(1, 12))
def test_expected(since: int, length: float, interval: int, multiple: int) -> None:
    """The slots that are expected are those of the step that are in the range."""
    until = since + length
    of_range = Steps(interval * multiple, interval, since, until)
    for start in range(0, 7200, interval * multiple):
        slots = range(start, start + interval * multiple, interval)
        assert max(of_range.expected_slots(start), 0) == len([slot for slot in slots if since <= slot < until])


def test_no_data() -> None:
    """A record without data does not count; a distance within which nothing rests does."""
    empty = no_data(format_timestamp(PAST), "BTCUSDT", Depth(5))
    assert steps(5, [(empty.timestamp, empty), row(1)])[0].n == 1
    [step] = steps(5, rows(0, obi=0.0, notional_bid=0.0, notional_ask=0.0, bps=10, covered=True))
    assert (step.n, step.obi_of_sums, step.mid_mean) == (1, 0.0, None)


def test_keys() -> None:
    """bps and market are there only where they are not the default, in the order of the record's keys."""
    numbers = ["obi_mean", "obi_min", "obi_max", "obi_last", "obi_of_sums", "mid_mean", "n", "expected"]
    [plain] = steps(5, rows(0))
    [distance] = steps(5, rows(0, bps=10, covered=True, market="usdm"))
    assert list(plain.values()) == ["timestamp", "symbol", "levels", *numbers]
    assert list(distance.values()) == ["timestamp", "symbol", "levels", "bps", "market", *numbers]


def test_streaming() -> None:
    """A step comes as soon as it is over, whatever follows."""
    taken: list[int] = []

    def endless() -> Iterator[Row]:
        for minute in count():
            taken.append(minute)
            yield row(minute)

    assert next(Steps(300, 60, PAST, PAST + 86_400).of(endless())).n == 5
    assert taken == [0, 1, 2, 3, 4, 5]
