"""One run of the function: the slots that an event requests, each sampled, printed and stored in its time."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from handler.clock import SYSTEM, Clock
from handler.errors import EmptyBook, InvalidTimestamp, RequestRejected, UsageError
from handler.record import Record
from handler.sampler import FailedSample, Sample, Sampler
from handler.sinks import PutResult, Store, log_failed_put
from handler.slots import format_timestamp, parse_iso_time, slot_start, slots_of_minute

MAX_PUT_SECONDS = 5.5
"""Kept free before the function's timeout: one put, connecting and reading (stores/dynamodb.py), may take so long."""
STORING_SECONDS = 4.5
"""Kept free before that, so that there is time to store what was fetched."""

REJECTED_LOG_SECONDS = 86_400
"""How long a pair that the exchange rejects is not logged again: a delisted one would fill the log."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """The outcome of one run: counts of samples, how late the sampling of each slot began (seconds), and errors."""

    sampled: int = 0
    stored: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: int = 0
    fetch_failures: int = 0
    store_failures: int = 0
    lags_seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def stored_slots(self, size: int) -> float:
        """How many whole slots the stored records make up. `size`: records per slot, of which rejected pairs have none.

        A slot of which half is stored counts as a half.
        """
        expected = self.sampled + self.skipped + self.fetch_failures
        slots = (expected + self.rejected) / size
        return self.stored / expected * slots if expected else 0.0


class RejectedPairs:
    """Logs pairs that the exchange rejects, each once a day."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}

    def log(self, symbol: str, error: RequestRejected) -> None:
        """Log a rejection unless the same pair's was logged within a day."""
        now = self._clock.monotonic()
        if now - self._logged_at.get(symbol, -REJECTED_LOG_SECONDS) < REJECTED_LOG_SECONDS:
            return
        self._logged_at[symbol] = now
        log.warning("%s", error)


def slots_for_event(event: Any, interval_seconds: int, now: float) -> Iterable[int]:
    """The slots that an event requests: those that start in its minute, or the current one if it has no time.

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


class RecordWriter:
    """Prints records, so that they survive a failing table, and then stores those that hold data, if there is a store.

    `write` takes a line and must not buffer it.
    """

    def __init__(self, write: Callable[[str], object], *, detail: bool, store: Store | None = None) -> None:
        self._write = write
        self._detail = detail
        self._store = store

    def deliver(self, records: Sequence[Record], deadline: float) -> PutResult:
        """Print, then store until `deadline` (monotonic clock). Log each record that could not be stored.

        Raises OSError if a record cannot be printed, after storing all of them nevertheless.
        """
        try:
            for record in records:
                self._write(record.to_line(detail=self._detail))
        finally:
            result = self._put([record for record in records if record.has_data], deadline)
        return result

    def _put(self, records: Sequence[Record], deadline: float) -> PutResult:
        if self._store is None or not records:
            return PutResult()
        result = self._store.put(records, deadline)
        for failed in result.failed:
            log_failed_put(failed)
        return result


class Invocation:
    """Samples slots, one after the other, never past `deadline` (monotonic clock)."""

    def __init__(
        self,
        sampler: Sampler,
        writer: RecordWriter,
        *,
        interval_seconds: int,
        deadline: float,
        clock: Clock = SYSTEM,
        rejected_pairs: RejectedPairs | None = None,
    ) -> None:
        self.tally = Tally()
        self._sampler = sampler
        self._writer = writer
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._rejected_pairs = rejected_pairs or RejectedPairs(clock)
        seconds = deadline - clock.monotonic()
        self._put_deadline = deadline - min(MAX_PUT_SECONDS, seconds * 2 / 3)
        self._fetch_deadline = self._put_deadline - min(STORING_SECONDS, seconds / 6)

    def run(self, slots: Iterable[int]) -> Tally:
        """Sample each slot in its time. A failure is counted and does not keep the next slot from being sampled."""
        for slot in slots:
            self._run_slot(slot, slot + self._interval_seconds)
        return self.tally

    def _run_slot(self, slot: int, end: int) -> None:
        self._wait_until(slot)
        now, remaining = self._clock.time(), self._fetch_deadline - self._clock.monotonic()
        if now >= end:
            self.tally.skipped += self._sampler.size
            log.warning("the slot %s is over: not sampled", format_timestamp(slot))
        elif now < slot or remaining <= 0:
            self._fail(self._sampler.size, f"the function has no time left for the slot {format_timestamp(slot)}")
        else:
            self.tally.lags_seconds.append(now - slot)
            for samples in self._sampler.sample(self._clock.monotonic() + min(end - now, remaining), end):
                self._deliver(samples)

    def _wait_until(self, slot: int) -> None:
        while 0 < (early := slot - self._clock.time()) <= self._fetch_deadline - self._clock.monotonic():
            self._clock.sleep(early)

    def _deliver(self, samples: Iterable[Sample]) -> None:
        records: list[Record] = []
        for sample in samples:
            if isinstance(sample, FailedSample):
                self._count_failed_sample(sample)
            else:
                records.append(sample)
        result = self._writer.deliver(records, self._put_deadline)
        self.tally.sampled += len(records)
        self.tally.stored += result.stored
        self.tally.duplicates += result.duplicates
        self.tally.store_failures += len(result.failed)
        self.tally.errors += [str(failed.error) for failed in result.failed]

    def _count_failed_sample(self, sample: FailedSample) -> None:
        if isinstance(sample.error, EmptyBook):
            self.tally.skipped += 1
            log.warning("%s", sample.error)
        elif isinstance(sample.error, RequestRejected):
            self.tally.rejected += 1
            self._rejected_pairs.log(sample.symbol, sample.error)
        else:
            self._fail(1, str(sample.error))

    def _fail(self, samples: int, error: str) -> None:
        self.tally.fetch_failures += samples
        self.tally.errors.append(error)
        log.error("%s", error)
