"""Records that wait to be stored: of one sample the line with detail, of different samples in a slot the earliest."""

from itertools import islice

from handler.record import Record, Series
from handler.slots import parse_timestamp


class Batch:
    """At most one record per series and slot, in the order in which their slots came."""

    def __init__(self) -> None:
        self._by_slot: dict[tuple[Series, int], Record] = {}
        self.repeated = 0
        """Records of a sample that is or was in the batch, with the same values."""
        self.different = 0
        """Records that were left out for an earlier one in their slot."""
        self.closest_seconds: int | None = None
        """The shortest time between two different samples in a slot."""

    def __len__(self) -> int:
        return len(self._by_slot)

    def add(self, record: Record, slot: int) -> None:
        """Add a record, whose slot begins at these epoch seconds."""
        key = record.series, slot
        other = self._by_slot.setdefault(key, record)
        if other is record:
            return
        if record.sample == other.sample:
            self.repeated += 1
            is_better = record.known_values > other.known_values
        else:
            self.different += 1
            seconds = abs(parse_timestamp(record.timestamp) - parse_timestamp(other.timestamp))
            self.closest_seconds = min(seconds, self.closest_seconds or seconds)
            is_better = record.timestamp < other.timestamp
        if is_better:
            self._by_slot[key] = record

    def first(self, count: int) -> list[Record]:
        """The records that came first."""
        return list(islice(self._by_slot.values(), count))

    def remove_first(self, count: int) -> None:
        """Remove the records that came first: they are stored."""
        for key in list(islice(self._by_slot, count)):
            del self._by_slot[key]
