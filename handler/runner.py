"""The local loop: wait for a tick, sample, print, store. It knows neither flags nor exit codes."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from handler.clock import SYSTEM, Clock
from handler.errors import ExchangeError, RegionUnavailable, RequestRejected, UsageError
from handler.record import Record, no_data
from handler.sampler import FailedSample, Sample, Sampler
from handler.slots import Tick, format_timestamp, next_tick, skipped_ticks

log = logging.getLogger(__name__)

Emit = Callable[[list[Record]], object]
"""What happens to records that were measured, or could not be: printed, stored."""


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
        for number, tick in enumerate(islice(self._ticks(), max_ticks)):
            groups = self._sample(tick)
            for samples in groups if number else [_none_refused(chain.from_iterable(groups))]:
                measured += self._deliver(samples)
        return measured

    def _ticks(self) -> Iterator[Tick]:
        last = None
        origin = 0.0 if self._aligned else self._now()
        while True:
            now = self._now()
            tick = next_tick(now, self._interval_seconds, origin, last)
            if tick.start > now:
                self._clock.sleep(min(tick.start - now, self._interval_seconds))
                continue
            if skipped := skipped_ticks(tick, last):
                log.warning("skipped %d interval(s): the last one took too long, or the clock was set", skipped)
            last = tick
            yield tick

    def _sample(self, tick: Tick) -> Iterator[list[Sample]]:
        deadline = self._clock.monotonic() + tick.end - self._now()
        return self._sampler.sample(deadline, tick.end if self._aligned else float("inf"))

    def _deliver(self, samples: list[Sample]) -> int:
        """Emit what is known of each sample; returns how many were measured."""
        errors = _errors(samples)
        closed = next((error for error in errors if isinstance(error, RegionUnavailable)), None)
        for error in errors:
            if not isinstance(error, RegionUnavailable):
                log.warning("%s", error)
        given_up = format_timestamp(self._clock.time())
        records = [
            sample if isinstance(sample, Record) else no_data(given_up, sample.symbol, sample.levels)
            for sample in samples
            if closed is None or isinstance(sample, Record)
        ]
        self._emit(records)
        if closed:
            raise closed
        return sum(record.has_data for record in records)


def _errors(samples: Iterable[Sample]) -> list[ExchangeError]:
    """What went wrong, once each: the depths of a pair share one request and so one error, or one empty book."""
    return list({str(sample.error): sample.error for sample in samples if isinstance(sample, FailedSample)}.values())


def _none_refused(samples: Iterable[Sample]) -> list[Sample]:
    """The samples, or UsageError with the exchange's own words for every pair that it refused."""
    found = list(samples)
    if words := [str(error) for error in _errors(found) if isinstance(error, RequestRejected)]:
        raise UsageError("; ".join(words))
    return found
