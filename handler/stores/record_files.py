"""Files as a source of records: printed lines, logs, exports and Parquet, unsorted and overlapping. No AWS.

The records that are wanted go into a temporary SQLite database, which sorts more of them than fit into memory.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from math import ceil
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from handler.errors import HandlerError, InvalidRecord
from handler.record import Record, Series
from handler.slots import MAX_EPOCH_SECONDS, format_timestamp
from handler.stores.files import STDIN, is_parquet, open_file, parquet_files
from handler.stores.find_records import RecordFinder
from handler.stores.store import Extent, SlotRecord, UnknownKeyWarning

CACHE_KIB = 32_768
"""Memory of the database; what does not fit is on disk."""
ROWS_PER_INSERT = 5_000
MAX_SHOWN_INVALID = 5

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


class _Held:
    """What there is of one series: its number in the database, the range of its slots, a record of the last."""

    def __init__(self, number: int, slot: int, record: Record) -> None:
        self.number = number
        self.first = self.last = slot
        self.newest = record

    def add(self, slot: int, record: Record) -> None:
        if slot > self.last:
            self.last, self.newest = slot, record
        self.first = min(self.first, slot)


class RecordFiles:
    """The records of `wanted` series (None: all) in some files; `-` is standard input, a folder its Parquet files.

    Of the records in a slot the first by timestamp is taken, and of one sample the line with more detail. What is asked
    for has to lie within [since, until), but for the newest record of a series. `default_interval_seconds` decides the
    slot of a record that does not have its own interval. `hint` tells what a text without any record may be. All files
    are read at once. Raises HandlerError, UsageError or OSError.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        wanted: Collection[Series] | None,
        since: float,
        until: float,
        default_interval_seconds: int,
        hint: Callable[[str], str],
    ) -> None:
        files = [file for name in names for file in parquet_files(name)]
        self.description = _shown(names[0]) if len(names) == 1 else f"{len(names)} files"
        self.invalid = 0
        """What looks like a record and is none, or cannot be read."""
        self.holds_record = False
        """Whether there is any valid record, wanted or not."""
        self._wanted = wanted
        self._since, self._until = since, until
        self._default_interval_seconds = default_interval_seconds
        self._hint = hint
        self._unknown_keys = UnknownKeyWarning(self.description)
        self._held: dict[Series, _Held] = {}
        self._database = sqlite3.connect("")  # a temporary file, which no one else sees
        try:
            self._fill(files)
        except sqlite3.Error as error:  # such as a full disk
            raise self._cannot_sort(error) from error

    def read(
        self, series: Series, since: float, until: float, *, detail: bool = True, consistent: bool = False
    ) -> Iterator[SlotRecord]:
        """The records of the slots in [since, until), each with its slot, in time order."""
        del detail, consistent  # all is there
        for slot, rows in groupby(self._rows("slot, record", series, since, until), key=itemgetter(0)):
            yield format_timestamp(slot), _best([_decode(values) for _, values in rows])

    def slots(self, series: Series, since: float, until: float, *, consistent: bool = False) -> Iterator[int]:
        """The slots in [since, until) that hold a record, in time order, in epoch seconds."""
        del consistent
        return (row[0] for row in self._rows("DISTINCT slot", series, since, until))

    def extent(self, series: Series, *, consistent: bool = False) -> Extent | None:
        """Where a series begins and ends; None if it holds no record."""
        del consistent
        held = self._held.get(series)
        return Extent(held.first, held.last, held.newest.interval_seconds) if held else None

    def series(self) -> list[Series]:
        """Every series that is wanted and has a record."""
        return sorted(self._held, key=lambda series: series.key)

    def _rows(self, columns: str, series: Series, since: float, until: float) -> Iterator[Any]:
        if (held := self._held.get(series)) is None:
            return
        order = "slot" if columns.startswith("DISTINCT") else "slot, timestamp, rowid"
        query = f"SELECT {columns} FROM records WHERE series = ? AND slot >= ? AND slot < ? ORDER BY {order}"  # noqa: S608
        bounds = (ceil(min(max(moment, 0), MAX_EPOCH_SECONDS + 1)) for moment in (since, until))
        try:
            yield from self._database.execute(query, (held.number, *bounds))
        except sqlite3.Error as error:
            raise self._cannot_sort(error) from error

    def _cannot_sort(self, error: sqlite3.Error) -> HandlerError:
        return HandlerError(f"{self.description}: its records cannot be sorted in a temporary file: {error}")

    def _fill(self, names: Sequence[str]) -> None:
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("CREATE TABLE records (series INTEGER, slot INTEGER, timestamp TEXT, record BLOB)")
        for name in names:
            self._add(name)
        self._insert([(held.number, held.last, held.newest) for held in self._held.values()])
        self._database.execute("CREATE INDEX in_order ON records (series, slot, timestamp)")

    def _add(self, name: str) -> None:
        rows = []
        for record in self._records(name):
            self.holds_record = True
            series = record.series
            if not record.has_data or (self._wanted is not None and series not in self._wanted):
                continue
            slot = record.slot(self._default_interval_seconds)
            if held := self._held.get(series):
                held.add(slot, record)
            else:
                held = self._held[series] = _Held(len(self._held), slot, record)
            if self._since <= slot < self._until:
                rows.append((held.number, slot, record))
            if len(rows) == ROWS_PER_INSERT:
                self._insert(rows)
                rows.clear()
        self._insert(rows)

    def _insert(self, rows: Sequence[tuple[int, int, Record]]) -> None:
        values = ((number, slot, record.timestamp, _encode(record)) for number, slot, record in rows)
        self._database.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", values)

    def _records(self, name: str) -> Iterator[Record]:
        if is_parquet(name):
            from handler.stores.parquet_files import read_parquet  # pyarrow is optional, and slow to load

            yield from self._valid(name, read_parquet(name, self._wanted, self._unknown_keys.warn_once))
            return
        finder, is_empty = RecordFinder(self._unknown_keys.warn_once), True
        with open_file(name) as file:
            for record in self._valid(name, finder.find(file)):
                is_empty = False
                yield record
        if is_empty and not self.invalid:
            what = self._hint(finder.sample) if finder.sample else "it is empty"
            raise HandlerError(f"{_shown(name)}: no record was found: {what}")

    def _valid(self, name: str, found: Iterator[tuple[str, Record | InvalidRecord]]) -> Iterator[Record]:
        for where, what in found:
            if isinstance(what, Record):
                yield what
                continue
            self.invalid += 1
            if self.invalid <= MAX_SHOWN_INVALID:
                log.error("%s%s: invalid: %s", _shown(name), where, what)


def _best(samples: Sequence[Record]) -> Record:
    """Of the records in a slot, in the order of their timestamps, the first, in the line with most detail."""
    first = samples[0]
    if len(samples) == 1:
        return first
    return max((one for one in samples if one.sample == first.sample), key=attrgetter("known_values"))


def _shown(name: str) -> str:
    return "standard input" if name == STDIN else name
