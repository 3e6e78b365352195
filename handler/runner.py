"""The local loop: wait for a slot, sample, deliver."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from .clock import MAX_SLEEP_SECONDS, SYSTEM, Clock
from .errors import RegionUnavailable, RequestRejected, UsageError
from .record import Record
from .sampler import ReasonLog, Sample, Sampler
from .slots import next_slot

MIN_FIRST_SLOT_SECONDS = 1.0  # a run that starts at the very end of a slot begins with the next one

log = logging.getLogger(__name__)

Deliver = Callable[[list[Record]], object]  # stores and prints records of one slot, as they arrive


class Runner:
    """Samples once per interval: at once, then at whole multiples of the interval by the wall clock, without drift."""

    def __init__(self, sampler: Sampler, deliver: Deliver, *, interval_seconds: int, clock: Clock = SYSTEM) -> None:
        self._sampler = sampler
        self._deliver = deliver
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._reasons = ReasonLog(clock)

    def run(self, max_slots: int | None = None) -> int:
        """Sample `max_slots` slots, None: for ever; return how many samples were measured.

        Raises UsageError if the exchange rejects every pair in the first slot, and RegionUnavailable if no host serves
        this region before the first measurement; nothing is delivered then.
        """
        measured = 0
        for number, slot in enumerate(islice(self._slots(), max_slots)):
            deadline = self._clock.monotonic() + slot + self._interval_seconds - self._clock.time()
            groups: Iterable[list[Sample]] = self._sampler.sample(deadline, slot)
            if not measured:
                first = list(chain.from_iterable(groups))  # whole: what all pairs have in common ends the run
                _check_first(first, is_first_slot=number == 0)
                groups = [first]
            for samples in groups:
                self._reasons.note(samples)
                self._deliver([sample.record for sample in samples])
                measured += sum(sample.error is None for sample in samples)
        return measured

    def _slots(self) -> Iterator[int]:
        """Yield each slot at the time to sample it."""
        last = None
        while True:
            now = self._clock.time()
            slot = next_slot(now, self._interval_seconds, last)
            left = slot + self._interval_seconds - now
            if last is None and left < min(MIN_FIRST_SLOT_SECONDS, self._interval_seconds / 4):
                slot += self._interval_seconds
            if slot > now:
                self._clock.sleep(min(slot - now, MAX_SLEEP_SECONDS))
                continue
            if last is not None and (skipped := (slot - last) // self._interval_seconds - 1) > 0:
                log.warning("skipped %d slot(s): the machine slept, was too slow, or its clock was set", skipped)
            last = slot
            yield slot


def _check_first(samples: list[Sample], *, is_first_slot: bool) -> None:
    errors = [error for _, error in samples]
    if is_first_slot and all(isinstance(error, RequestRejected) for error in errors):
        raise UsageError("; ".join(str(error) for error in errors))
    if all(isinstance(error, RegionUnavailable) for error in errors):
        raise RegionUnavailable(str(errors[0]))
