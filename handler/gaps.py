"""Which slots of a range hold no record. Pure."""

from collections.abc import Iterable, Iterator
from math import ceil
from typing import NamedTuple

from handler.times import slot_start


class Gap(NamedTuple):
    """Neighbouring slots without a record: those in [since, until), epoch seconds."""

    since: int
    until: int


def complete_slots(since: float, until: float, now: float, interval_seconds: int) -> range:
    """The slots in [since, until) that are over: a slot that still runs may yet be filled."""
    first, last = (ceil(moment / interval_seconds) * interval_seconds for moment in (since, until))
    return range(first, max(first, min(last, slot_start(now, interval_seconds))), interval_seconds)


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
