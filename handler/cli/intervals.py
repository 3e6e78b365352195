"""Which interval the records of a series are expected to have, and warnings where it changes."""

from collections.abc import Iterable, Iterator

from handler.cli.streams import print_message
from handler.record import Series
from handler.slots import format_timestamp
from handler.stores.store import Extent, RecordSource, SlotRecord


class Intervals:
    """The intervals of the series in a source: `given_seconds` for all, else that of a series' newest record.

    `default_seconds` is for records that do not have their own.
    """

    def __init__(self, source: RecordSource, given_seconds: int | None, default_seconds: int) -> None:
        self._source = source
        self._given_seconds = given_seconds
        self._default_seconds = default_seconds

    def expected_seconds(self, held: Extent | None) -> int:
        """The interval that is expected of a series of this extent."""
        stored_seconds = held.interval_seconds if held else None
        return self._given_seconds or stored_seconds or self._default_seconds

    def watch_records(self, series: Series, rows: Iterable[SlotRecord]) -> Iterator[SlotRecord]:
        """The records of a series, unchanged. Prints a message the first time that their interval changes."""
        before = None
        is_said = False
        for slot, record in rows:
            interval_seconds = record.interval_seconds or self._default_seconds
            if before not in (None, interval_seconds) and not is_said:
                self._print_change(series, f"from {before} s to {interval_seconds} s at {slot}")
                is_said = True
            before = interval_seconds
            yield slot, record

    def watch_slots(self, series: Series, slots: Iterable[int], expected_seconds: int) -> Iterator[int]:
        """The slots of a series, unchanged. Prints a message if the first and the last are of different intervals.

        Or if one is no multiple of the interval that is expected because the newest record has it. Only these are
        looked at, since what is stored is more than a slot.
        """
        first = last = unexpected = None
        for slot in slots:
            first = slot if first is None else first
            last = slot
            if unexpected is None and slot % expected_seconds:
                unexpected = slot
            yield slot
        if first is None or last is None:
            return
        old, new = self._stored_seconds(series, first), self._stored_seconds(series, last)
        if old != new:
            when = f"between {format_timestamp(first)} and {format_timestamp(last)}"
            self._print_change(series, f"from {old} s to {new} s {when}")
        elif unexpected is not None and self._given_seconds is None:
            when = format_timestamp(unexpected)
            self._print_change(series, f"{expected_seconds} s for the newest record, and another one at {when}")

    def _stored_seconds(self, series: Series, slot: int) -> int:
        for _, record in self._source.read(series, slot, slot + 1, consistent=True):
            return record.interval_seconds or self._default_seconds
        return self._default_seconds

    def _print_change(self, series: Series, change: str) -> None:
        print_message(
            f"{self._source.description}: the interval of {series.key} changes within this range: {change};"
            " give --interval_seconds, or a range of one interval"
        )
