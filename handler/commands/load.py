"""`python -m handler load`: printed records into the table, from files or a pipe."""

import gzip
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handler.asked import Asked
from handler.bulk import Bulk
from handler.commands import DONE, FAILED, Write
from handler.dynamodb import dynamodb_client
from handler.errors import UsageError
from handler.flags import Parser
from handler.lines import records_in
from handler.progress import Progress
from handler.record import DamagedRecord, Record
from handler.settings import interval_seconds, retention_days, table
from handler.times import parse_time

FLAGS = ("FILE", "--table", "--interval_seconds", "--retention-days")

CHUNK = 2000
"""Records that are stored before more are read."""
LONGEST_LINE = 16 * 2**20
"""Bytes; what is longer is read in pieces."""


@dataclass(slots=True)
class Loading:
    """One run of the command: how it tells records from the rest, and what it came to so far."""

    bulk: Bulk
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
            elif parse_time(found.timestamp) < self.expired_before:
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
        print(f"handler: {where}: damaged: {what}", file=sys.stderr)

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
    loading = Loading(bulk, expired_before=time.time() - days * 86_400 if days else float("-inf"))
    try:
        with ExitStack() as stack:
            sources = [_opened(name, stack) for name in flags["FILE"] or ["-"]]
            progress = stack.enter_context(Progress([file for _, file in sources]))
            for name, file in sources:
                _read(name, file, loading, progress)
            loading.store()
    finally:
        print(f"handler: {loading}", file=sys.stderr)
    return FAILED if loading.damaged else DONE


def _opened(name: str, stack: ExitStack) -> tuple[str, Any]:
    if name == "-":
        return "standard input", sys.stdin.buffer
    try:
        return name, stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error


def _read(name: str, file: Any, loading: Loading, progress: Progress) -> None:
    number = 0
    try:
        for number, line in enumerate(_lines(file), start=1):
            loading.take(line, f"{name}:{number}")
            progress.update()
    except (EOFError, OSError, zlib.error) as error:
        loading.tell_damaged(f"{name}:{number + 1}", error)


def _lines(file: Any) -> Iterator[bytes]:
    zipped = file.peek(2)[:2] == b"\x1f\x8b"
    text: Any = gzip.GzipFile(fileobj=file) if zipped else file
    while line := text.readline(LONGEST_LINE):
        yield line
