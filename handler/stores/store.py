"""What every place that records are read from or stored in offers. No AWS."""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from handler.record import VALUE_TYPES, Record, Series

SlotRecord = tuple[str, Record]
"""A record with its slot, `2026-11-22T10:00:00Z`."""

COLUMN_TYPES = [("series", str), ("slot", str), *VALUE_TYPES.items()]
"""The columns of records as rows, each with the type of its values."""

log = logging.getLogger(__name__)


def column_values(slot_record: SlotRecord) -> tuple[Any, ...]:
    """The values of those columns."""
    slot, record = slot_record
    return (record.series.key, slot, *record)


class UnknownKeyWarning:
    """Logs one warning for all keys that a newer version of this program added to records."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._is_given = False

    def warn_once(self, key: str) -> None:
        """Log the first key."""
        if not self._is_given:
            self._is_given = True
            log.warning("%s: %s is not a key that this version knows: such keys are left out", self._source, key)


class Extent(NamedTuple):
    """The first and the last slot of a series, in epoch seconds; the interval of its newest record, if known."""

    first: int
    last: int
    interval_seconds: int | None


class RecordSource(Protocol):
    """Where records can be read. Moments are epoch seconds; methods raise HandlerError if reading fails."""

    @property
    def description(self) -> str:
        """What messages call it, such as `table obi`."""

    def read(
        self, series: Series, since: float, until: float, *, detail: bool = True, consistent: bool = False
    ) -> Iterator[SlotRecord]:
        """The records of the slots in [since, until), each with its slot, in time order.

        They are read as they are consumed. Without `detail` only the keys of `SAMPLE_KEYS` need to be set.
        `consistent`: including everything that was stored before the call, even if that costs more.
        """

    def slots(self, series: Series, since: float, until: float, *, consistent: bool = False) -> Iterator[int]:
        """The slots in [since, until) that hold a record, in time order, in epoch seconds; `consistent` as above."""

    def extent(self, series: Series, *, consistent: bool = False) -> Extent | None:
        """Where a series begins and ends; None if it holds no record."""
