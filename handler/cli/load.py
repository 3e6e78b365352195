"""`python -m handler load`: stores printed records, from files or a pipe, in the table."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from io import FileIO
from select import select
from threading import Thread
from typing import TYPE_CHECKING

from handler import bootstrap
from handler.cli import ExitCode, Write
from handler.cli.input_hint import input_hint
from handler.cli.interrupts import Interrupts
from handler.cli.parser import Parser
from handler.cli.progress import Progress
from handler.cli.streams import print_message
from handler.errors import HandlerError, InvalidRecord
from handler.options import Options
from handler.record import Record
from handler.settings import read_interval_seconds, read_retention_days, read_table
from handler.sinks import PutResult
from handler.stores.batch import Batch
from handler.stores.files import STDIN, file_size, open_file
from handler.stores.find_records import RecordFinder
from handler.stores.store import UnknownKeyWarning

if TYPE_CHECKING:
    from handler.stores.bulk import BulkLoader

FLAGS = ("FILE", "--table", "--interval_seconds", "--retention-days")

BATCH_SIZE = 2000
"""Records that are stored at once. As many more wait: a line of the same sample with more detail may follow."""
MAX_WAIT_SECONDS = 2.0
"""From a pipe, a record waits so long to be stored."""
POLL_SECONDS = 0.2
STOP_SECONDS = 3.0
"""How long a run that is interrupted goes on to store what it has read."""


@dataclass
class LoadRun:
    """One run of the command: the records to store next, and how many of each kind there were so far."""

    loader: "BulkLoader"
    interval_seconds: int
    expired_before: float
    interrupts: Interrupts = field(default_factory=Interrupts)
    batch: Batch = field(default_factory=Batch)
    waiting_since: float = float("inf")
    loaded: int = 0
    already_there: int = 0
    different: int = 0
    no_data: int = 0
    expired: int = 0
    not_records: int = 0
    invalid: int = 0
    files_without_record: int = 0

    def load_file(self, name: str, progress: Progress) -> None:
        """Store the records of a file, but for the last ones. Raises OSError if it can't be opened, TableError."""
        place = "standard input" if name == STDIN else name
        finder, has_record = RecordFinder(UnknownKeyWarning(place).warn_once), False
        try:
            with open_file(name) as file:
                for where, what in progress.watch(file, finder.find(file, partial(self.wait_for, file))):
                    has_record = True
                    self.add(what, f"{place}{where}")
        finally:
            self.not_records += finder.not_records
        if finder.sample and not has_record:
            self.files_without_record += 1
            print_message(f"{place}: no record was found: {input_hint(finder.sample)}")

    def wait_for(self, file: FileIO) -> None:
        """Wait until there is something to read, and store what waits too long. Raises KeyboardInterrupt."""
        is_ready = False
        while not is_ready:
            if self.interrupts.requested:
                raise KeyboardInterrupt
            is_ready = bool(select([file], [], [], POLL_SECONDS)[0])
            if time.monotonic() - self.waiting_since > MAX_WAIT_SECONDS:
                self.store(len(self.batch))

    def add(self, what: Record | InvalidRecord, place: str) -> None:
        """Add what was found to the batch, or count it. Raises TableError."""
        if isinstance(what, InvalidRecord):
            self.invalid += 1
            print_message(f"{place}: invalid: {what}")
            return
        slot = what.slot(self.interval_seconds)
        if not what.has_data:
            self.no_data += 1
        elif slot <= self.expired_before:
            self.expired += 1
        else:
            if not self.batch:
                self.waiting_since = time.monotonic()
            self.batch.add(what, slot)
            if len(self.batch) >= 2 * BATCH_SIZE and not self.interrupts.requested:
                self.store(BATCH_SIZE)

    def store(self, count: int) -> None:
        """Store the first records of the batch; after an interrupt the others are still in it. Raises TableError."""
        while count > 0:
            records = self.batch.first(min(count, BATCH_SIZE))
            try:
                with self.interrupts.raised():
                    result = self.loader.load(records)
            except KeyboardInterrupt:
                return
            self._count(result)
            count -= len(records)

    def finish(self) -> None:
        """Store all that is left; after an interrupt, as far as that is possible within STOP_SECONDS."""
        self.store(len(self.batch))
        if self.batch:
            thread = Thread(target=self._try_to_store_all, daemon=True)
            thread.start()
            thread.join(STOP_SECONDS)

    def _try_to_store_all(self) -> None:
        try:
            while records := self.batch.first(BATCH_SIZE):
                self._count(self.loader.load(records))
        except HandlerError as error:
            print_message(error)

    def _count(self, result: PutResult) -> None:
        self.loaded += result.stored
        self.already_there += result.duplicates - result.different
        self.different += result.different
        self.batch.remove_first(result.stored + result.duplicates)
        self.waiting_since = time.monotonic()

    def report(self) -> None:
        """Print what became of the input."""
        if self.batch and self.interrupts.requested:
            print_message(f"{len(self.batch)} records were read and not, or perhaps not, stored: load the same again")
        closest = self.batch.closest_seconds
        if closest and closest * 2 <= self.interval_seconds:
            print_message(
                f"of several samples in one slot of {self.interval_seconds} s the earliest is stored, and they are as"
                f" close as {closest} s: --interval_seconds {closest} would keep them"
            )
        if self.loader.changed_days:
            print_message(
                f"days changed: {day_ranges(self.loader.changed_days)}; if they are archived, archive them again"
            )
        print_message(
            f"loaded {self.loaded}, already there {self.already_there},"
            f" different {self.different + self.batch.different}, repeated {self.batch.repeated},"
            f" no data {self.no_data}, expired {self.expired}, not records {self.not_records},"
            f" invalid {self.invalid}"
        )


def day_ranges(days: Collection[str]) -> str:
    """Days as few words: `2026-11-20 to 2026-11-22, 2026-11-24`."""
    ranges: list[list[date]] = []
    for day in sorted(map(date.fromisoformat, days)):
        if ranges and day - ranges[-1][-1] == timedelta(days=1):
            ranges[-1] = [ranges[-1][0], day]
        else:
            ranges.append([day])
    return ", ".join(" to ".join(map(str, ends)) for ends in ranges)


def run(argv: Sequence[str], environment: Mapping[str, str], _write: Write) -> int:
    """Store records in the table, from the sampler's output or any log or export. Loading twice changes nothing."""
    flags = Parser(" load", run.__doc__ or "", FLAGS).read(argv)
    options = Options(flags, environment)
    interval_seconds, days = read_interval_seconds(options), read_retention_days(options)
    loader = bootstrap.open_bulk_loader(read_table(options), interval_seconds=interval_seconds, retention_days=days)
    expired_before = time.time() - days * 86_400 if days else float("-inf")
    load_run = LoadRun(loader, interval_seconds, expired_before)
    bootstrap.resume_garbage_collection()
    names = flags["FILE"] or [STDIN]
    total_bytes = sum(map(file_size, names))  # before anything is stored: a missing file ends it at once
    with load_run.interrupts.noted():
        try:
            with Progress(total_bytes) as progress, suppress(KeyboardInterrupt):
                for name in names:
                    load_run.load_file(name, progress)
            load_run.finish()
        finally:
            load_run.report()
    if load_run.interrupts.requested:
        return ExitCode.OK
    return ExitCode.FAILURE if load_run.invalid or load_run.files_without_record else ExitCode.OK
