"""What is missing is found, all of it and nothing else, in one pass over what is there."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.slots import SETTLING_SECONDS, Gap, complete_slots, find_gaps, measured_slots

YEAR = 525_600
"""Minutes."""

starts = st.integers(0, 100)
ranges = st.builds(
    lambda start, size, step: range(start * step, (start + size) * step, step), starts, starts, starts.filter(bool)
)


def missing(gaps: list[Gap], step: int) -> list[int]:
    return [slot for gap in gaps for slot in range(gap.since, gap.until, step)]


@given(ranges, st.sets(st.integers(-100, 20_000)), st.data())
def test_gaps(expected: range, odd: set[int], data: st.DataObject) -> None:
    """The gaps are the expected slots that are not present."""
    present = sorted(odd | data.draw(st.sets(st.sampled_from(expected))) if expected else odd)
    gaps = list(find_gaps(present, expected))
    assert missing(gaps, expected.step) == [slot for slot in expected if slot not in present]


@given(ranges, st.data())
def test_gaps_are_separate(expected: range, data: st.DataObject) -> None:
    """No gap is empty, and no two touch."""
    present = sorted(data.draw(st.sets(st.sampled_from(expected)))) if expected else []
    gaps = list(find_gaps(present, expected))
    assert all(gap.since < gap.until for gap in gaps)
    assert all(one.until < other.since for one, other in pairwise(gaps))


moments = st.integers(0, 4000).map(lambda quarters: quarters / 4)


@given(moments, moments, moments, st.integers(1, 100))
def test_complete_slots(since: float, until: float, now: float, step: int) -> None:
    """The complete slots of a range start in it and are over."""
    now += SETTLING_SECONDS
    expected = complete_slots(since, until, now, step)
    assert list(expected) == [
        slot for slot in range(0, 1001, step) if since <= slot < until and slot + step <= now - 300
    ]
    assert expected.start <= expected.stop


@pytest.mark.parametrize(("now", "last"), [(479.9, 60), (480.0, 120), (539.9, 120), (10_000.0, 240)])
def test_settling(now: float, last: int) -> None:
    """A slot that ended less than five minutes ago is not expected."""
    assert complete_slots(0, 300, now, 60)[-1] == last


@given(ranges, st.integers(-100, 20_000))
def test_before_first_record(expected: range, first: int) -> None:
    """Before the first record no slot is expected."""
    found = measured_slots(expected, first)
    assert list(found) == [slot for slot in expected if slot >= first]
    assert expected.start <= found.start <= found.stop == expected.stop


def test_nothing_present() -> None:
    """A range without records is one gap."""
    assert list(find_gaps([], range(60, 600, 60))) == [Gap(60, 600)]


def test_one_pass() -> None:
    """A year of data is read once, and no further than needed."""
    read: list[int] = []

    def present() -> Iterator[int]:
        for minute in range(0, YEAR, 2):
            read.append(minute)
            yield minute * 60

    gaps = find_gaps(present(), range(0, YEAR * 60, 60))
    assert next(gaps) == Gap(60, 120)
    assert read == [0, 2]  # no further than needed
    assert sum(1 for _ in gaps) == YEAR // 2 - 1
    assert len(read) == YEAR // 2  # each once
