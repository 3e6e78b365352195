"""Which slots of a range hold no record. Pure."""

from collections.abc import Iterable, Iterator
from math import ceil
from typing import NamedTuple

from handler.times import slot_start

SETTLING_SECONDS = 300
"""After its end a slot may still be stored for so long: storing is retried, and a late event is sampled late."""


class Gap(NamedTuple):
    """Neighbouring slots without a record: those in [since, until), epoch seconds."""

    since: int
    until: int


def complete_slots(since: float, until: float, now: float, interval_seconds: int) -> range:
    """The slots in [since, until) that ended at least SETTLING_SECONDS ago: later ones may yet be filled."""
    first, last = (ceil(moment / interval_seconds) * interval_seconds for moment in (since, until))
    settled = slot_start(now - SETTLING_SECONDS, interval_seconds)
    return range(first, max(first, min(last, settled)), interval_seconds)


def measured_slots(expected: range, first_record: int) -> range:
    """Those of the expected slots that are not before a series' first record: nothing was measured until then."""
    start = -(-first_record // expected.step) * expected.step
    return range(min(max(expected.start, start), expected.stop), expected.stop, expected.step)


def find_gaps(present: Iterable[int], expected: range) -> Iterator[Gap]:
    """The gaps between the slots that are present, which come in time order, and the ends of the expected ones."""
    start = expected.start
    for slot in present:
        if slot not in expected:
            continue
        if slot > start:
            yield Gap(start, slot)
        start = slot + expected.step
    end = expected.start + len(expected) * expected.step
    if start < end:
        yield Gap(start, end)
