"""One run of the function: the slots that an event requests, each sampled, printed and stored in its time.

Below 60 s consecutive invocations hand over: each continues after its own minute until another one is storing, so that
no slot depends on one event that comes in time.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

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

HAND_OVER_SECONDS = 210
"""How long an invocation continues after its own minute while no other one is storing.

The next event after two dropped ones comes up to 180 s after that minute; then its container starts, and a slot begins.
"""
FAILING_TABLE_MINUTES = 1
"""For how many minutes after its own it continues while the table fails, when no other one can store either."""
HAND_OVER_REQUESTS = 3
"""What settings leave room for: requests a minute for a pair beyond one a slot. One is usual, three are seldom."""
MAX_LATENESS_SECONDS = 0.5
"""How much later an invocation samples a slot than one whose event is a minute younger, which is so to store first."""
MAX_LATENESS = 0.2
"""The same, as a share of the interval."""
MAX_LATENESS_MINUTES = 2
"""An invocation that is older than that samples no later still."""
REJECTED_LOG_SECONDS = 86_400
"""How long a pair that the exchange rejects is not logged again: a delisted one would fill the log."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """An outcome: counts of samples, how late the sampling of each slot began (seconds), and errors."""

    sampled: int = 0
    stored: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: int = 0
    fetch_failures: int = 0
    store_failures: int = 0
    lags_seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add what other slots came to."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

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


class EventSlots(NamedTuple):
    """The slots that an event requests, and its minute (epoch seconds) where invocations hand over."""

    slots: range
    minute: int | None = None

    def minutes_after(self, slot: int) -> int:
        """How many minutes after the event's own one a slot is."""
        return 0 if self.minute is None else max(slot - self.minute, 0) // 60


def lateness_seconds(minutes_after: int, interval_seconds: int) -> float:
    """How long after a slot's start an invocation samples it, so many minutes after its own."""
    return min(minutes_after, MAX_LATENESS_MINUTES) * min(MAX_LATENESS_SECONDS, MAX_LATENESS * interval_seconds)


def slots_for_event(event: Any, interval_seconds: int, now: float) -> EventSlots:
    """The slots that an event requests: at 60 s and above, from the current one on, those of its minute.

    Below 60 s those of its minute and of a hand-over, from the next one on: the current one is left to the invocation
    before, unless it began just now. The current one alone if the event has no time, or if all of its own are over. The
    time is the schedule's `scheduled_time`, or `time` as an EventBridge rule sends it. Raises UsageError.
    """
    current = slot_start(now, interval_seconds)
    current_alone = range(current, current + interval_seconds, interval_seconds)
    time = event.get("scheduled_time", event.get("time")) if isinstance(event, dict) else event
    if time is None:
        return EventSlots(current_alone)
    try:
        own = slots_of_minute(parse_iso_time(time), interval_seconds)
    except (InvalidTimestamp, TypeError) as error:
        raise UsageError(
            f"the event's time is {time!r:.100}: send scheduled_time as YYYY-MM-DDThh:mm:ssZ, or {{}}"
        ) from error
    if interval_seconds >= 60:
        is_over = len(own) > 0 and current > own[-1]
        return EventSlots(current_alone if is_over else own)
    began_just_now = now - current < lateness_seconds(1, interval_seconds)
    first = current if began_just_now else current + interval_seconds
    slots = range(max(first, own.start), own.stop + HAND_OVER_SECONDS, interval_seconds)
    return EventSlots(slots or current_alone, own.stop - 60)


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


def _is_left_to_others(tally: Tally, minutes_after: int) -> bool:
    """Whether another invocation stores, by what a slot came to, so many minutes after the own minute.

    More duplicates than stored records, not duplicates alone: of many pairs one may always come first.
    """
    not_stored = tally.duplicates
    if minutes_after > FAILING_TABLE_MINUTES:
        not_stored += tally.store_failures
    return not_stored > tally.stored


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
        self._sampler = sampler
        self._writer = writer
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._rejected_pairs = rejected_pairs or RejectedPairs(clock)
        seconds = deadline - clock.monotonic()
        self._put_deadline = deadline - min(MAX_PUT_SECONDS, seconds * 2 / 3)
        self._fetch_deadline = self._put_deadline - min(STORING_SECONDS, seconds / 6)

    def run(self, requested: EventSlots) -> Iterator[Tally]:
        """Sample each slot in its time, and give the tally of each minute, so that metrics are of the minute.

        A failure is counted and does not keep the next slot from being sampled.
        """
        minute = Tally()
        for slot, tally in self._until_taken_over(requested):
            minute.add(tally)
            if slot // 60 != (slot + self._interval_seconds) // 60:
                yield minute
                minute = Tally()
        if minute != Tally():
            yield minute

    def _until_taken_over(self, requested: EventSlots) -> Iterator[tuple[int, Tally]]:
        """Sample the slots until another invocation stores them, or no time is left after the event's own minute."""
        for slot in requested.slots:
            minutes_after = requested.minutes_after(slot)
            if not self._wait_for_slot(slot, minutes_after) and minutes_after:
                return
            tally = self._run_slot(slot)
            yield slot, tally
            if requested.minute is not None and _is_left_to_others(tally, minutes_after):
                return

    def _wait_for_slot(self, slot: int, minutes_after: int) -> bool:
        """Wait until a slot is to be sampled; false if the function has no time left for it."""
        start = slot + lateness_seconds(minutes_after, self._interval_seconds)
        while (early := start - self._clock.time()) > 0:
            if early > self._remaining_seconds:
                return False
            self._clock.sleep(early)
        return self._remaining_seconds > 0

    @property
    def _remaining_seconds(self) -> float:
        return self._fetch_deadline - self._clock.monotonic()

    def _run_slot(self, slot: int) -> Tally:
        self._tally = Tally()
        end = slot + self._interval_seconds
        now, remaining = self._clock.time(), self._remaining_seconds
        if now >= end:
            self._tally.skipped += self._sampler.size
            log.warning("the slot %s is over: not sampled", format_timestamp(slot))
        elif now < slot or remaining <= 0:
            self._fail(self._sampler.size, f"the function has no time left for the slot {format_timestamp(slot)}")
        else:
            self._tally.lags_seconds.append(now - slot)
            for samples in self._sampler.sample(self._clock.monotonic() + min(end - now, remaining), end):
                self._deliver(samples, end)
        return self._tally

    def _deliver(self, samples: Iterable[Sample], slot_end: int) -> None:
        records: list[Record] = []
        for sample in samples:
            if isinstance(sample, FailedSample):
                self._count_failed_sample(sample)
            else:
                records.append(sample)
        result = self._writer.deliver(records, self._put_deadline_for(slot_end))
        self._tally.sampled += len(records)
        self._tally.stored += result.stored
        self._tally.duplicates += result.duplicates
        self._tally.store_failures += len(result.failed)
        self._tally.errors += [str(failed.error) for failed in result.failed]

    def _put_deadline_for(self, slot_end: int) -> float:
        """Below 60 s the middle of the next slot, which is then still sampled though the table fails."""
        if self._interval_seconds >= 60:
            return self._put_deadline
        seconds = slot_end + self._interval_seconds / 2 - self._clock.time()
        return min(self._put_deadline, self._clock.monotonic() + seconds)

    def _count_failed_sample(self, sample: FailedSample) -> None:
        if isinstance(sample.error, EmptyBook):
            self._tally.skipped += 1
            log.warning("%s", sample.error)
        elif isinstance(sample.error, RequestRejected):
            self._tally.rejected += 1
            self._rejected_pairs.log(sample.symbol, sample.error)
        else:
            self._fail(1, str(sample.error))

    def _fail(self, samples: int, error: str) -> None:
        self._tally.fetch_failures += samples
        self._tally.errors.append(error)
        log.error("%s", error)
