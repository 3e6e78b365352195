"""`python -m handler load`: stores printed or logged records in a table or a folder."""

import os
import sys
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from io import FileIO
from pathlib import Path
from select import select
from threading import Thread

from ..errors import HandlerError, UsageError
from ..load.bulk import Bulk, infer_intervals, into_folder, into_table
from ..load.find import find_records
from ..load.open import MAX_PIECE_BYTES
from ..messages import escaped
from ..options import parse
from ..record import Record
from ..sampler import resume_garbage_collection
from ..stores.folder import Folder
from . import ExitCode, Write
from .streams import print_message

FLAGS = ("file", "--table", "--to", "--interval_seconds", "--retention-days")
STDIN = "-"
MAX_NAMED = 20  # invalid records of a file, pairs of a message
MAX_FLUSH_DELAY_SECONDS = 2.0  # how long a record of a pipe waits to be stored
STOP_SECONDS = 3.0  # for storing what was read, when the run is interrupted
ADVICE = "set --interval_seconds N to override it"


def run(argv: Sequence[str], environment: Mapping[str, str], _write: Write) -> int:
    """Store records in a table or a folder, from printed lines or any log or export of them, compressed or not.

    Loading the same again changes nothing. The last line on stderr counts what became of the records.
    """
    options = parse("load", run.__doc__ or "", FLAGS, argv, environment)
    flags = parse("load", "", FLAGS, argv, {})
    if (flags.table and flags.to) or not (options.table or options.to):
        raise UsageError("load: give --table NAME or --to FOLDER")
    if options.to and "--retention-days" in flags.given:
        raise UsageError("load: --retention-days is for a table: nothing in a folder expires")
    if not options.file and sys.stdin and sys.stdin.isatty():
        raise UsageError("load: give a FILE, or - for standard input")
    files = options.file or [STDIN]
    for name in files:
        try:
            if not Path(name).is_fifo():  # opening that would lose what is written into it
                _Input(name).file.close()
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from error
    resume_garbage_collection()
    bulk = into_folder(Folder(options.to)) if options.to else _table(options, files)
    return _Load(bulk, options).run(files)


@cache
def _stdin() -> int:
    """A descriptor of standard input; 0 itself becomes empty, since a credential_process would read from it too."""
    private, empty = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return private


class _Input:
    """A file or a stream of bytes: `read` gives the next ones. Raises OSError."""

    def __init__(self, name: str) -> None:
        self.is_stream = name == STDIN or not Path(name).is_file()
        self.file = FileIO(_stdin(), closefd=False) if name == STDIN else FileIO(name)
        self.head = b""  # how it begins
        self._name = escaped(name)
        self._size = 0 if self.is_stream else os.fstat(self.file.fileno()).st_size
        self._shown = time.monotonic()

    def read(self, on_wait: Callable[[], object] = lambda: None) -> bytes:
        data = None
        while data is None:  # a stream that does not block may have nothing yet
            while self.is_stream and not select([self.file], [], [], MAX_FLUSH_DELAY_SECONDS)[0]:
                on_wait()
            data = self.file.read(MAX_PIECE_BYTES)
        self.head = self.head or data.strip()[:40]
        if self._size and time.monotonic() - self._shown > 1 and sys.stderr and sys.stderr.isatty():
            self._shown = time.monotonic()
            percent = self.file.tell() * 100 // self._size
            print(f"\r{self._name}: {percent} %\x1b[K", end="\r", file=sys.stderr, flush=True)
        return data


class _Load:
    def __init__(self, bulk: Bulk, options: Namespace) -> None:
        self._bulk = bulk
        self._options = options
        self._needs_interval = not options.to and "--interval_seconds" not in options.given
        self._invalid = 0
        self._has_failed = False
        self._flushed = time.monotonic()

    def run(self, names: Sequence[str]) -> int:
        try:
            for name in names:
                self._load(name)
            self._flush()
        except KeyboardInterrupt:
            thread = Thread(target=self._stop, daemon=True)
            thread.start()
            thread.join(STOP_SECONDS)
            raise
        except OSError as error:
            self._fail(f"{error.filename or name}: {error.strerror or error}")
        except HandlerError as error:
            self._fail(error)
        finally:
            self._report()
        return ExitCode.FAILURE if self._invalid or self._has_failed or self._bulk.failed else ExitCode.OK

    def _load(self, name: str) -> None:
        source, is_found, named = _Input(name), False, 0
        with source.file:
            for found in find_records(lambda: source.read(self._flush)):
                is_found = True
                if isinstance(found.what, Record):
                    self._add(found.what, found.text.decode(), is_stream=source.is_stream)
                    continue
                self._invalid, named = self._invalid + 1, named + 1
                if named <= MAX_NAMED:
                    print_message(f"{name}:{found.line}: invalid: {found.what}")
        if named > MAX_NAMED:
            print_message(f"{name}: {named - MAX_NAMED} more are invalid")
        if source.head and not is_found:
            self._fail(f"{name}: no record was found, it begins with {source.head!r}; history reads Parquet, no CSV")

    def _add(self, record: Record, line: str, *, is_stream: bool) -> None:
        if is_stream and self._needs_interval and record.interval_seconds is None:
            self._needs_interval = False
            seconds = self._options.interval_seconds
            print_message(f"plain lines of a stream have no interval: {seconds} s is taken; {ADVICE}")
        self._bulk.add(record, line)
        if is_stream and time.monotonic() - self._flushed > MAX_FLUSH_DELAY_SECONDS:
            self._flush()

    def _flush(self) -> None:
        while self._bulk.batch:
            self._bulk.flush()
        self._flushed = time.monotonic()

    def _stop(self) -> None:
        try:
            self._flush()
        except (HandlerError, OSError) as error:
            self._fail(error)

    def _fail(self, message: object) -> None:
        self._has_failed = True
        print_message(message)

    def _report(self) -> None:
        """Say what became of the records."""
        bulk = self._bulk
        if bulk.failed:
            print_message(f"{len(bulk.failed)} records not stored: {bulk.failed[0].error}")
        if bulk.batch:
            print_message(f"{len(bulk.batch)} records may not be stored: load the file again")
        if bulk.changed_days and not self._options.to:
            events = " ".join(f'{{"day":"{day}"}}' for day in sorted(bulk.changed_days))
            print_message(f"days changed; if they are archived, send these events to the archive function: {events}")
        print_message(
            f"loaded {bulk.loaded}, already there {bulk.already_there}, different {bulk.different},"
            f" no data {bulk.no_data}, expired {bulk.expired}, invalid {self._invalid}"
        )


def _table(options: Namespace, names: Sequence[str]) -> Bulk:
    from ..stores.table import Table  # boto3 more than doubles the start-up time

    name, region = options.table
    intervals: defaultdict[str, int] = defaultdict(lambda: int(options.interval_seconds))
    if "--interval_seconds" not in options.given:
        intervals |= _infer_intervals(names)
    days = options.retention_days
    create = partial(Table, name, region=region, retention_days=days)
    return into_table(
        lambda seconds: create(default_interval_seconds=seconds), intervals, print_message, retention_days=days
    )


def _infer_intervals(names: Sequence[str]) -> dict[str, int]:
    """Infers the interval of each pair that has plain lines, and prints it."""
    sources = (source for source in map(_Input, names) if not source.is_stream)
    found = (found.what for source in sources for found in find_records(source.read))
    intervals = infer_intervals(record for record in found if isinstance(record, Record))
    if intervals:
        named = ", ".join(f"{pair} {seconds} s" for pair, seconds in sorted(intervals.items())[:MAX_NAMED])
        more = ", …" if len(intervals) > MAX_NAMED else ""
        print_message(
            f"plain lines have no interval: the commonest distance between samples is taken ({named}{more}); {ADVICE}"
        )
    return intervals
