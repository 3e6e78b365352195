"""`python -m handler load`: stores printed or logged records in a table or a folder."""

import os
import sys
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from io import FileIO
from pathlib import Path
from select import select

from ..errors import HandlerError, UsageError
from ..load.bulk import Bulk, infer_intervals, into_folder, into_table
from ..load.find import find_records
from ..load.open import MAX_PIECE_BYTES
from ..messages import escaped
from ..options import parse
from ..reading.engine import show_progress
from ..reading.files import STDIN
from ..record import Record
from ..sampler import resume_garbage_collection
from ..stores.folder import Folder
from . import ExitCode, Write
from .streams import print_message

FLAGS = ("file", "--table", "--to", "--interval_seconds", "--retention-days")
MAX_FLUSH_DELAY_SECONDS = 2.0  # how long a record of a pipe waits to be stored
STOP_SECONDS = 3.0  # for storing what was read, when the run is interrupted
ADVICE = "set --interval_seconds N to override it"


def run(argv: Sequence[str], environment: Mapping[str, str], _write: Write) -> int:
    """Store records in a table or a folder, from printed lines or any log or export of them, compressed or not.

    Loading the same again changes nothing. The last line on stderr counts what became of the records.
    """
    flags = parse("load", run.__doc__ or "", FLAGS, argv, environment)
    if flags.to:  # the variables of a table do not count then
        flags = parse("load", "", FLAGS, argv, {})
    if (flags.table is None) == (flags.to is None):
        raise UsageError("load: give --table NAME or --to FOLDER")
    if flags.to and "--retention-days" in flags.given:
        raise UsageError("load: --retention-days is for a table: nothing in a folder expires")
    if not flags.file and sys.stdin and sys.stdin.isatty():
        raise UsageError("load: give a FILE, or - for standard input")
    files = flags.file or [STDIN]
    for name in files:
        if name != STDIN and (Path(name).is_dir() or not Path(name).exists()):
            raise UsageError(f"{name}: there is no file of this name")
    if STDIN in files:
        _stdin()  # before a credential_process can be started
    resume_garbage_collection()
    return _Load(into_folder(Folder(flags.to)) if flags.to else _table(flags, files), flags).run(files)


@cache
def _stdin() -> int:
    """Return a descriptor of standard input; empty 0 itself, since a credential_process would read from it too."""
    private, empty = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return private


class _Input:
    """A file or a stream of bytes: `read` gives the next ones. Raises OSError."""

    def __init__(self, name: str, on_wait: Callable[[], object] = lambda: None) -> None:
        self.is_stream = name == STDIN or not Path(name).is_file()
        self.file = FileIO(_stdin(), closefd=False) if name == STDIN else FileIO(name)
        self.head = b""  # how it begins
        self._name = name
        self._on_wait = on_wait
        self._shown = time.monotonic()

    def read(self) -> bytes:
        data = None
        while data is None:  # a stream that does not block may have nothing yet
            while self.is_stream and not select([self.file], [], [], MAX_FLUSH_DELAY_SECONDS)[0]:
                self._on_wait()
            data = self.file.read(MAX_PIECE_BYTES)
        self.head = self.head or data.strip()[:40]
        if not self.is_stream and time.monotonic() - self._shown > 1:
            self._shown = time.monotonic()
            percent = self.file.tell() * 100 // max(os.fstat(self.file.fileno()).st_size, 1)
            show_progress(f"{escaped(self._name)}: {percent} %\r")
        return data


class _Load:
    def __init__(self, bulk: Bulk, flags: Namespace) -> None:
        self._bulk = bulk
        self._flags = flags
        self._needs_interval = not flags.to and "--interval_seconds" not in flags.given
        self._invalid = 0
        self._has_failed = False
        self._flushed = time.monotonic()

    def run(self, names: Sequence[str]) -> int:
        try:
            for name in names:
                self._load(name)
            self._flush()
        except KeyboardInterrupt:
            with suppress(HandlerError, OSError):  # what is not stored then is counted below
                self._bulk.flush(STOP_SECONDS)
            raise
        except OSError as error:
            self._fail(f"{error.filename or name}: {error.strerror}")
        except HandlerError as error:
            self._fail(error)
        finally:
            self._report()
        return ExitCode.FAILURE if self._invalid or self._has_failed or self._bulk.failed else ExitCode.OK

    def _load(self, name: str) -> None:
        source, is_found = _Input(name, self._flush), False
        with source.file:
            for found in find_records(source.read):
                is_found = True
                if isinstance(found.what, Record):
                    self._add(found.what, found.text.decode(), is_stream=source.is_stream)
                else:
                    self._invalid += 1
                    print_message(f"{name}:{found.line}: invalid: {found.what}")
        if source.head and not is_found:
            self._fail(f"{name}: no record was found, it begins with {source.head!r}; history reads Parquet, no CSV")

    def _add(self, record: Record, line: str, *, is_stream: bool) -> None:
        if is_stream and self._needs_interval and record.interval_seconds is None:
            self._needs_interval = False
            seconds = self._flags.interval_seconds
            print_message(f"plain lines of a stream have no interval: {seconds} s is taken; {ADVICE}")
        self._bulk.add(record, line)
        if is_stream and time.monotonic() - self._flushed > MAX_FLUSH_DELAY_SECONDS:
            self._flush()

    def _flush(self) -> None:
        while self._bulk.batch:
            self._bulk.flush()
        self._flushed = time.monotonic()

    def _fail(self, message: object) -> None:
        self._has_failed = True
        print_message(message)

    def _report(self) -> None:
        bulk = self._bulk
        if bulk.failed:
            print_message(f"{len(bulk.failed)} records not stored: {bulk.failed[0].error}")
        if bulk.batch:
            print_message(f"{len(bulk.batch)} records may not be stored: load the file again")
        if bulk.changed_days and not self._flags.to:
            events = " ".join(f'{{"day":"{day}"}}' for day in sorted(bulk.changed_days))
            print_message(f"days changed; if they are archived, send these events to the archive function: {events}")
        print_message(
            f"loaded {bulk.loaded}, already there {bulk.already_there}, different {bulk.different},"
            f" no data {bulk.no_data}, expired {bulk.expired}, invalid {self._invalid}"
        )


def _table(flags: Namespace, names: Sequence[str]) -> Bulk:
    from ..stores.table import Table  # boto3 more than doubles the start-up time

    name, region = flags.table
    intervals: defaultdict[str, int] = defaultdict(lambda: int(flags.interval_seconds))
    if "--interval_seconds" not in flags.given:
        intervals |= _infer_intervals(names)
    days = flags.retention_days
    table = Table(name, region=region, retention_days=days, default_interval_seconds=intervals)
    return into_table(table, intervals, print_message, retention_days=days)


def _infer_intervals(names: Sequence[str]) -> dict[str, int]:
    sources = map(_Input, filter(os.path.isfile, names))
    found = (found.what for source in sources for found in find_records(source.read))
    intervals = infer_intervals(record for record in found if isinstance(record, Record))
    if intervals:
        named = ", ".join(f"{pair} {seconds} s" for pair, seconds in sorted(intervals.items()))
        print_message(
            f"plain lines have no interval: the commonest interval between samples is taken ({named}); {ADVICE}"
        )
    return intervals
