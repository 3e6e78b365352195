"""One run of the function: the slots that an event asks for, each sampled, printed and stored in its time."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from handler.clock import SYSTEM, Clock
from handler.errors import EmptyBook, InvalidTimestamp, UsageError
from handler.record import Record
from handler.sampler import FailedSample, Sample, Sampler
from handler.sinks import RecordWriter
from handler.slots import format_timestamp, parse_iso_time, slot_start, slots_of_minute

LAST_PUT_SECONDS = 5.5
"""Before the function's end no more is stored: one try, connecting and reading (dynamodb.py), can take so long."""
STORING_SECONDS = 4.5
"""Before that no more is fetched, so that there is time to store."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What one run came to: counts of samples, how late each slot's sampling began (seconds), and what went wrong."""

    sampled: int = 0
    stored: int = 0
    duplicates: int = 0
    skipped: int = 0
    fetch_failures: int = 0
    store_failures: int = 0
    lags_seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def slots_for_event(event: Any, interval_seconds: int, now: float) -> Iterable[int]:
    """The slots that an event asks for: those that start in its minute, or, without a time, the running one.

    The time is the schedule's `scheduled_time`, or `time` as an EventBridge rule sends it. Raises UsageError.
    """
    time = event.get("scheduled_time", event.get("time")) if isinstance(event, dict) else event
    if time is None:
        return [slot_start(now, interval_seconds)]
    try:
        return slots_of_minute(parse_iso_time(time), interval_seconds)
    except (InvalidTimestamp, TypeError) as error:
        raise UsageError(
            f"the event's time is {time!r:.100}: send scheduled_time as YYYY-MM-DDThh:mm:ssZ, or {{}}"
        ) from error


class Invocation:
    """Samples slots, one after the other, never past `deadline` (monotonic clock)."""

    def __init__(
        self, sampler: Sampler, delivery: RecordWriter, *, interval_seconds: int, deadline: float, clock: Clock = SYSTEM
    ) -> None:
        self.tally = Tally()
        self._sampler = sampler
        self._delivery = delivery
        self._interval_seconds = interval_seconds
        self._clock = clock
        seconds = deadline - clock.monotonic()
        self._last_put = deadline - min(LAST_PUT_SECONDS, seconds * 2 / 3)
        self._last_fetch = self._last_put - min(STORING_SECONDS, seconds / 6)

    def run(self, slots: Iterable[int]) -> Tally:
        """Sample each slot in its time. Failures are tallied; nothing is raised, so that one cannot hurt another."""
        for slot in slots:
            self._run_slot(slot, slot + self._interval_seconds)
        return self.tally

    def _run_slot(self, slot: int, end: int) -> None:
        self._wait_until(slot)
        now, left = self._clock.time(), self._last_fetch - self._clock.monotonic()
        if now >= end:
            self.tally.skipped += self._sampler.size
            log.warning("the slot %s is over: not sampled", format_timestamp(slot))
        elif now < slot or left <= 0:
            self._fail(self._sampler.size, f"the function has no time left for the slot {format_timestamp(slot)}")
        else:
            self.tally.lags_seconds.append(now - slot)
            for samples in self._sampler.sample(self._clock.monotonic() + min(end - now, left), end):
                self._deliver(samples)

    def _wait_until(self, slot: int) -> None:
        while 0 < (early := slot - self._clock.time()) <= self._last_fetch - self._clock.monotonic():
            self._clock.sleep(early)

    def _deliver(self, samples: Iterable[Sample]) -> None:
        records = [sample for sample in samples if isinstance(sample, Record)]
        for missing in samples:
            if isinstance(missing, FailedSample):
                self._note_missing(missing)
        stored = self._delivery.deliver(records, self._last_put)
        self.tally.sampled += len(records)
        self.tally.stored += stored.stored
        self.tally.duplicates += stored.duplicates
        self.tally.store_failures += len(stored.failed)
        self.tally.errors += [str(failure.error) for failure in stored.failed]

    def _note_missing(self, missing: FailedSample) -> None:
        if isinstance(missing.error, EmptyBook):
            self.tally.skipped += 1
            log.warning("%s", missing.error)
        else:
            self._fail(1, str(missing.error))

    def _fail(self, samples: int, error: str) -> None:
        self.tally.fetch_failures += samples
        self.tally.errors.append(error)
        log.error("%s", error)
