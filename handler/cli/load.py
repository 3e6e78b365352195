"""`python -m handler load`: stores printed records, from files or a pipe, in the table."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handler import bootstrap
from handler.cli import ExitCode, Write
from handler.cli.parser import Parser
from handler.cli.progress import Progress
from handler.cli.streams import print_message
from handler.errors import InvalidRecord
from handler.options import Options
from handler.record import Record
from handler.settings import read_interval_seconds, read_retention_days, read_table
from handler.slots import parse_timestamp, slot_start
from handler.stores.files import STDIN, file_size, open_file, read_records

if TYPE_CHECKING:
    from handler.stores.bulk import BulkLoader

FLAGS = ("FILE", "--table", "--interval_seconds", "--retention-days")

BATCH_SIZE = 2000
"""Records that are stored before more are read."""


@dataclass(slots=True)
class LoadRun:
    """One run of the command: the records to store next, and how many of each kind there were so far."""

    loader: "BulkLoader"
    interval_seconds: int
    expired_before: float
    batch: list[Record] = field(default_factory=list)
    loaded: int = 0
    already_there: int = 0
    no_data: int = 0
    expired: int = 0
    not_records: int = 0
    invalid: int = 0

    def load_file(self, name: str, progress: Progress) -> None:
        """Store the records of a file, but for the last batch. Raises OSError if it can't be opened, TableError."""
        place = "standard input" if name == STDIN else name
        with open_file(name) as file:
            for number, found in progress.watch(file, read_records(file)):
                self.add(found, f"{place}:{number}")

    def add(self, found: Iterable[Record | InvalidRecord], place: str) -> None:
        """Store or count what was found in one line. Raises TableError."""
        if not found:
            self.not_records += 1
        for record in found:
            if isinstance(record, InvalidRecord):
                self.invalid += 1
                print_message(f"{place}: invalid: {record}")
            elif not record.has_data:
                self.no_data += 1
            elif slot_start(parse_timestamp(record.timestamp), self.interval_seconds) <= self.expired_before:
                self.expired += 1
            else:
                self.batch.append(record)
        if len(self.batch) >= BATCH_SIZE:
            self.store_batch()

    def store_batch(self) -> None:
        """Store the batch. Raises TableError."""
        result = self.loader.load(self.batch)
        self.batch.clear()
        self.loaded += result.stored
        self.already_there += result.duplicates

    def __str__(self) -> str:
        return (
            f"loaded {self.loaded}, already there {self.already_there}, no data {self.no_data}, expired {self.expired},"
            f" not records {self.not_records}, invalid {self.invalid}"
        )


def run(argv: Sequence[str], environment: Mapping[str, str], _write: Write) -> int:
    """Store printed records in the table, from the sampler's output or from logs. Loading twice changes nothing."""
    flags = Parser(" load", run.__doc__ or "", FLAGS).read(argv)
    options = Options(flags, environment)
    interval_seconds, days = read_interval_seconds(options), read_retention_days(options)
    loader = bootstrap.open_bulk_loader(read_table(options), interval_seconds=interval_seconds, retention_days=days)
    expired_before = time.time() - days * 86_400 if days else float("-inf")
    load_run = LoadRun(loader, interval_seconds, expired_before)
    bootstrap.resume_garbage_collection()
    names = flags["FILE"] or [STDIN]
    total_bytes = sum(map(file_size, names))  # before anything is stored: a missing file ends it at once
    try:
        with Progress(total_bytes) as progress:
            for name in names:
                load_run.load_file(name, progress)
            load_run.store_batch()
    finally:
        print_message(load_run)
    return ExitCode.FAILURE if load_run.invalid else ExitCode.OK
