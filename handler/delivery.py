"""What becomes of a record: printed first, so that it survives a failing table; then stored, if there is one."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from handler.errors import TableError
from handler.record import Record
from handler.safe_text import RecordLine

log = logging.getLogger(__name__)


class Unstored(NamedTuple):
    """A record that the table did not take, and why."""

    record: Record
    error: TableError


class Stored(NamedTuple):
    """What became of records that were to be stored. A duplicate's slot was taken, and stays as it was: a success."""

    stored: int = 0
    duplicates: int = 0
    failed: Sequence[Unstored] = ()


class Store(Protocol):
    """What a delivery needs of a table."""

    def put(self, records: Sequence[Record], deadline: float, /) -> Stored:
        """Store each record once, first write wins, retrying until `deadline` (monotonic clock); never raises."""


class Delivery:
    """Prints records and stores those that hold data. `write` takes a line and must not hold it back."""

    def __init__(self, write: Callable[[str], object], *, detail: bool, store: Store | None = None) -> None:
        self._write = write
        self._detail = detail
        self._store = store

    def deliver(self, records: Sequence[Record], deadline: float) -> Stored:
        """Print, then store until `deadline` (monotonic clock). What can't be stored is told with its line.

        Raises OSError when nothing can be printed any more, after storing all the same.
        """
        try:
            for record in records:
                self._write(record.to_line(detail=self._detail))
        finally:
            stored = self._put(storable(records), deadline)
        return stored

    def _put(self, records: Sequence[Record], deadline: float) -> Stored:
        if self._store is None or not records:
            return Stored()
        stored = self._store.put(records, deadline)
        tell(stored.failed)
        return stored


def storable(records: Sequence[Record]) -> list[Record]:
    """Those that hold data: a line that says that nothing could be measured is never stored."""
    return [record for record in records if record.has_data]


def tell(failed: Sequence[Unstored]) -> None:
    """Log each record that is not in the table as the line that `load` takes, with the reason."""
    for record, error in failed:
        log.error("not stored: %s: %s", error, RecordLine(record.to_line(detail=True)))
