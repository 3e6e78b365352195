"""`python -m handler load`: printed records into the table, from files or a pipe."""

import gzip
import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handler import bootstrap
from handler.cli import ExitCode, Write
from handler.cli.parser import Parser
from handler.cli.progress import Progress
from handler.cli.streams import print_message
from handler.errors import InvalidRecord, UsageError
from handler.options import Options
from handler.record import Record
from handler.settings import read_interval_seconds, read_retention_days, read_table
from handler.slots import parse_timestamp, slot_start
from handler.stores.log_lines import join_multiline, records_in

if TYPE_CHECKING:
    from handler.stores.bulk import BulkLoader

FLAGS = ("FILE", "--table", "--interval_seconds", "--retention-days")

STDIN = "-"
CHUNK = 2000
"""Records that are stored before more are read."""
MAX_LINE_BYTES = 16 * 2**20
"""Bytes; what is longer is read in pieces."""


@dataclass(slots=True)
class Loading:
    """One run of the command: how it tells records from the rest, and what it came to so far."""

    bulk: "BulkLoader"
    interval_seconds: int
    expired_before: float
    waiting: list[Record] = field(default_factory=list)
    loaded: int = 0
    already_there: int = 0
    no_data: int = 0
    expired: int = 0
    not_records: int = 0
    invalid: int = 0

    def take(self, line: bytes, where: str) -> None:
        """Sort a line's records into those to store and those to count."""
        empty = True
        for found in records_in(line):
            empty = False
            if isinstance(found, InvalidRecord):
                self.count_invalid(where, found)
            elif not found.has_data:
                self.no_data += 1
            elif slot_start(parse_timestamp(found.timestamp), self.interval_seconds) <= self.expired_before:
                self.expired += 1
            else:
                self.waiting.append(found)
        self.not_records += empty and not line.isspace()
        if len(self.waiting) >= CHUNK:
            self.store()

    def store(self) -> None:
        """Store what is waiting. Raises TableError."""
        stored = self.bulk.load(self.waiting)
        self.waiting.clear()
        self.loaded += stored.stored
        self.already_there += stored.duplicates

    def count_invalid(self, where: str, reason: object) -> None:
        """Count an invalid record and say where it is."""
        self.invalid += 1
        print_message(f"{where}: invalid: {reason}")

    def __str__(self) -> str:
        return (
            f"loaded {self.loaded}, already there {self.already_there}, no data {self.no_data}, expired {self.expired},"
            f" not records {self.not_records}, invalid {self.invalid}"
        )


def run(argv: Sequence[str], environment: Mapping[str, str], _write: Write) -> int:
    """Put printed records into the table, from the sampler's lines or from logs. Loading twice changes nothing."""
    flags = Parser(" load", run.__doc__ or "", FLAGS).read(argv)
    options = Options(flags, environment)
    interval, days = read_interval_seconds(options), read_retention_days(options)
    table = read_table(options)
    from handler.stores.bulk import BulkLoader  # boto3 is optional, and slow to load
    from handler.stores.dynamodb import dynamodb_client

    bulk = BulkLoader(table, dynamodb_client(), interval_seconds=interval, retention_days=days)
    loading = Loading(bulk, interval, expired_before=time.time() - days * 86_400 if days else float("-inf"))
    bootstrap.resume_garbage_collection()
    names = flags["FILE"] or [STDIN]
    total = sum(map(_size, names))
    try:
        with Progress(total) as progress:
            for name in names:
                _load(name, loading, progress)
            loading.store()
    finally:
        print_message(loading)
    return ExitCode.FAILURE if loading.invalid else ExitCode.OK


def _opened(name: str) -> Any:
    if name != STDIN:
        return Path(name).open("rb")
    if sys.stdin is None:
        raise UsageError("standard input is closed: give a FILE, or a pipe")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _size(name: str) -> int:
    """Bytes of a file, 0 of a pipe. Raises UsageError if it cannot be read: before anything is loaded."""
    try:
        if name != STDIN and Path(name).is_fifo():  # what is written into it is gone once it was open
            return 0
        with _opened(name) as file:
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error


def _load(name: str, loading: Loading, progress: Progress) -> None:
    where = "standard input" if name == STDIN else name
    with _opened(name) as file:
        for number, line in join_multiline(progress.watch(file, _lines(file, where, loading))):
            loading.take(line, f"{where}:{number}")


def _lines(file: Any, where: str, loading: Loading) -> Iterator[bytes]:
    number = 0
    try:
        zipped = file.peek(2)[:2] == b"\x1f\x8b"
        text: Any = gzip.GzipFile(fileobj=file) if zipped else file
        while line := text.readline(MAX_LINE_BYTES):
            number += 1
            yield line
    except (EOFError, OSError, zlib.error) as error:
        loading.count_invalid(f"{where}:{number + 1}", error)
