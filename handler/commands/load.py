"""`python -m handler load`: printed records into the table, from files or a pipe."""

import gzip
import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handler import garbage
from handler.asked import Asked
from handler.bulk import Bulk
from handler.commands import DONE, FAILED, Write
from handler.dynamodb import dynamodb_client
from handler.errors import UsageError
from handler.flags import Parser
from handler.lines import records_in, with_indented_joined
from handler.progress import Progress
from handler.record import DamagedRecord, Record
from handler.settings import interval_seconds, retention_days, table
from handler.streams import print_message
from handler.times import parse_time, slot_start

FLAGS = ("FILE", "--table", "--interval_seconds", "--retention-days")

STDIN = "-"
CHUNK = 2000
"""Records that are stored before more are read."""
LONGEST_LINE = 16 * 2**20
"""Bytes; what is longer is read in pieces."""


@dataclass(slots=True)
class Loading:
    """One run of the command: how it tells records from the rest, and what it came to so far."""

    bulk: Bulk
    interval_seconds: int
    expired_before: float
    waiting: list[Record] = field(default_factory=list)
    loaded: int = 0
    already_there: int = 0
    no_data: int = 0
    expired: int = 0
    not_records: int = 0
    damaged: int = 0

    def take(self, line: bytes, where: str) -> None:
        """Sort a line's records into those to store and those to count."""
        empty = True
        for found in records_in(line):
            empty = False
            if isinstance(found, DamagedRecord):
                self.tell_damaged(where, found)
            elif not found.has_data:
                self.no_data += 1
            elif slot_start(parse_time(found.timestamp), self.interval_seconds) <= self.expired_before:
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

    def tell_damaged(self, where: str, what: object) -> None:
        """Count a damaged record and say where it is."""
        self.damaged += 1
        print_message(f"{where}: damaged: {what}")

    def __str__(self) -> str:
        return (
            f"loaded {self.loaded}, already there {self.already_there}, no data {self.no_data}, expired {self.expired},"
            f" not records {self.not_records}, damaged {self.damaged}"
        )


def run(argv: Sequence[str], environment: Mapping[str, str], _write: Write) -> int:
    """Put printed records into the table, from the sampler's lines or from logs. Loading twice changes nothing."""
    flags = Parser(" load", run.__doc__ or "", FLAGS).read(argv)
    asked = Asked(flags, environment)
    interval, days = interval_seconds(asked), retention_days(asked)
    bulk = Bulk(table(asked), dynamodb_client(), interval_seconds=interval, retention_days=days)
    loading = Loading(bulk, interval, expired_before=time.time() - days * 86_400 if days else float("-inf"))
    garbage.collect_again()  # __main__ held it
    names = flags["FILE"] or [STDIN]
    total = sum(map(_size, names))
    try:
        with Progress(total) as progress:
            for name in names:
                _load(name, loading, progress)
            loading.store()
    finally:
        print_message(loading)
    return FAILED if loading.damaged else DONE


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
        for number, line in with_indented_joined(progress.watch(file, _lines(file, where, loading))):
            loading.take(line, f"{where}:{number}")


def _lines(file: Any, where: str, loading: Loading) -> Iterator[bytes]:
    number = 0
    try:
        zipped = file.peek(2)[:2] == b"\x1f\x8b"
        text: Any = gzip.GzipFile(fileobj=file) if zipped else file
        while line := text.readline(LONGEST_LINE):
            number += 1
            yield line
    except (EOFError, OSError, zlib.error) as error:
        loading.tell_damaged(f"{where}:{number + 1}", error)
