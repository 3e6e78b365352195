"""The local loop: wait for a tick, sample, print, store."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from handler.clock import MAX_WAIT_SECONDS, SYSTEM, Clock
from handler.errors import ExchangeError, RegionUnavailable, RequestRejected, UsageError
from handler.record import Record, no_data
from handler.sampler import FailedSample, Sample, Sampler
from handler.slots import Tick, format_timestamp, next_tick, skipped_ticks

log = logging.getLogger(__name__)

Emit = Callable[[list[Record]], object]
"""What to do with the records of a tick, with or without data: print, store."""


class Runner:
    """Samples once per interval: at once, then in steps that never drift.

    `aligned` puts the ticks on whole multiples of the interval by the wall clock, where the table's slots are; without
    it they are counted from the start, on the monotonic clock.
    """

    def __init__(
        self, sampler: Sampler, emit: Emit, *, interval_seconds: int, aligned: bool = False, clock: Clock = SYSTEM
    ) -> None:
        self._sampler = sampler
        self._emit = emit
        self._interval_seconds = interval_seconds
        self._aligned = aligned
        self._clock = clock
        self._now = clock.time if aligned else clock.monotonic

    def run(self, max_ticks: int | None = None) -> int:
        """Sample for so many ticks, or for ever; returns how many samples were measured.

        Raises UsageError if the exchange rejects a pair in the first tick, before anything is emitted, and
        RegionUnavailable when no host serves this region.
        """
        measured = 0
        is_first = True
        for tick in islice(self._ticks(), max_ticks):
            groups = self._sample(tick)
            if is_first:
                groups = iter([_without_rejections(groups)])
                is_first = False
            for samples in groups:
                measured += self._deliver(samples)
        return measured

    def _ticks(self) -> Iterator[Tick]:
        last = None
        origin = 0.0 if self._aligned else self._now()
        while True:
            now = self._now()
            tick = next_tick(now, self._interval_seconds, origin, last)
            if tick.start > now:
                self._clock.sleep(min(tick.start - now, MAX_WAIT_SECONDS))
                continue
            if skipped := skipped_ticks(tick, last):
                log.warning("skipped %d interval(s): the last one took too long, or the clock was set", skipped)
            last = tick
            yield tick

    def _sample(self, tick: Tick) -> Iterator[list[Sample]]:
        deadline = self._clock.monotonic() + tick.end - self._now()
        return self._sampler.sample(deadline, tick.end if self._aligned else float("inf"))

    def _deliver(self, samples: list[Sample]) -> int:
        """Emit a record of each sample, without data if it failed; returns how many were measured.

        Where no host serves this region, only those with data are emitted, and RegionUnavailable is raised.
        """
        errors = _errors(samples)
        region_error = next((error for error in errors if isinstance(error, RegionUnavailable)), None)
        now = format_timestamp(self._clock.time())
        measured = [sample for sample in samples if isinstance(sample, Record)]
        for error in errors:
            if error is not region_error:
                log.warning("%s", error)
        if region_error:
            self._emit(measured)
            raise region_error
        self._emit(
            [
                sample if isinstance(sample, Record) else no_data(now, sample.symbol, sample.depth, sample.market)
                for sample in samples
            ]
        )
        return len(measured)


def _errors(samples: Iterable[Sample]) -> list[ExchangeError]:
    """The errors, once each: the depths of a pair share one request, and so one error or one empty book."""
    return list({str(sample.error): sample.error for sample in samples if isinstance(sample, FailedSample)}.values())


def _without_rejections(groups: Iterable[list[Sample]]) -> list[Sample]:
    """All samples. Raises UsageError with the exchange's message for every pair that it rejected."""
    samples = [sample for group in groups for sample in group]
    if rejections := [str(error) for error in _errors(samples) if isinstance(error, RequestRejected)]:
        raise UsageError("; ".join(rejections))
    return samples
