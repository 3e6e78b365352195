"""Writes a day: its records, series by series, into one file, which is uploaded when it is complete."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from handler.archive.days import Day
from handler.errors import ArchiveError
from handler.record import Series
from handler.stores.archive_bucket import ArchiveBucket
from handler.stores.parquet import write_records
from handler.stores.store import SlotRecord
from handler.stores.table import Table

RESERVED_SECONDS = 30.0
"""Kept free before the function's timeout: one series may take so long to read and the file to be uploaded."""


class WrittenDay(NamedTuple):
    """What became of a day: the rows and the size of its file."""

    records: int
    bytes: int


def write_day(
    day: Day, series: Sequence[Series], table: Table, bucket: ArchiveBucket, remaining_seconds: Callable[[], float]
) -> WrittenDay:
    """Write the records that the table holds of a day, one row group for each series, replacing the day's file.

    The same records give the same file. `remaining_seconds`: until the function is stopped. Raises ArchiveError if
    there is no record or no time left, TableError and InvalidRecord; the day's file is then the one that it was.
    """

    def row_groups() -> Iterator[Iterator[SlotRecord]]:
        for number, each in enumerate(series):
            if remaining_seconds() < RESERVED_SECONDS:
                raise ArchiveError(
                    f"{day} is not written: there was time to read only {number} of {len(series)} series;"
                    " deploy some of the pairs as a second stack with the same table"
                )
            yield table.read(each, day.start, day.end, consistent=True)

    with tempfile.TemporaryFile() as file:
        records = write_records(file, row_groups())
        if not records:
            raise ArchiveError(
                f"{day} is not written: {table.description} holds no record of it; see what the sampler logged that day"
            )
        size = file.tell()
        file.seek(0)
        bucket.upload(str(day), file)
    return WrittenDay(records, size)
