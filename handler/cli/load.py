"""`python -m handler load`: stores printed or logged records in a table or a folder."""

import os
import stat
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from functools import partial
from io import FileIO
from pathlib import Path
from select import select
from threading import Thread

from ..errors import HandlerError, SourceError, UsageError
from ..load.bulk import Bulk, FolderBulk, TableBulk, infer_intervals
from ..load.find import Found, find_records
from ..load.open import MAX_PIECE_BYTES
from ..messages import escaped
from ..record import Record
from ..sampler import resume_garbage_collection
from ..stores.folder import Folder
from . import ExitCode, Write
from .arguments import parse
from .streams import print_message

FLAGS = ("FILE", "--table", "--to", "--interval_seconds", "--retention-days")
STDIN = "-"
MAX_NAMED = 20  # invalid records of a file, pairs of a message
MAX_WAIT_SECONDS = 2.0  # how long a record of a pipe waits to be stored
STOP_SECONDS = 3.0  # for storing what was read, when the run is interrupted
HINTS = {
    b"PAR1": "Parquet is read by history --from, whose lines can be loaded",
    b"timestamp,": "CSV is only written, never read",
    b"pair,": "CSV is only written, never read",
}


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
    files = [_File(name) for name in options.file or [STDIN]]
    if not options.file and files[0].is_terminal:
        raise UsageError("load: give a FILE, or - for standard input")
    resume_garbage_collection()
    return _Run(files, options).run()


class _File:
    """A file or a stream to read records from. Raises UsageError if it cannot be read."""

    def __init__(self, name: str) -> None:
        self.place = "standard input" if name == STDIN else name
        self.head = b""  # how it begins
        self._path: Path | int = Path(name)
        if name == STDIN:
            if sys.stdin is None:
                raise UsageError("load: standard input is closed: give a FILE")
            self._path = sys.stdin.fileno()
        try:
            status = self._path.stat() if isinstance(self._path, Path) else os.fstat(self._path)
            self.size = status.st_size if stat.S_ISREG(status.st_mode) and name != STDIN else 0
            if not stat.S_ISFIFO(status.st_mode):  # opening that would lose what is written into it
                self._open().close()
        except OSError as error:
            advice = ": give the files in it" if isinstance(error, IsADirectoryError) else ""
            raise UsageError(f"{name}: {error.strerror}{advice}") from error
        self.is_stream = not stat.S_ISREG(status.st_mode) or name == STDIN
        self.is_terminal = isinstance(self._path, int) and os.isatty(self._path)
        self._shown = time.monotonic()

    def _open(self) -> FileIO:
        return FileIO(self._path, closefd=not isinstance(self._path, int))

    def find(self, on_wait: Callable[[], object] = lambda: None) -> Iterator[Found]:
        """Find its records; `on_wait` is called when nothing comes for a while. Raises SourceError."""

        def read() -> bytes:
            data = None
            while data is None:  # a stream that does not block may have nothing yet
                while self.is_stream and not select([file], [], [], MAX_WAIT_SECONDS)[0]:
                    on_wait()
                data = file.read(MAX_PIECE_BYTES)
            self.head = self.head or data.lstrip()[:80]
            self._show(file)
            return data

        try:
            with self._open() as file:
                yield from find_records(read)
        except OSError as error:
            raise SourceError(f"{self.place}: {error.strerror or error}") from error

    def _show(self, file: FileIO) -> None:
        """Show on a terminal how far it is."""
        if self.size and time.monotonic() - self._shown > 1 and sys.stderr and sys.stderr.isatty():
            self._shown = time.monotonic()
            text = f"{escaped(self.place)}: {file.tell() * 100 // self.size} %"
            print(f"\r{text}\x1b[K", end="\r", file=sys.stderr, flush=True)


class _Run:
    def __init__(self, files: Sequence[_File], options: Namespace) -> None:
        self._files = files
        self._invalid = 0
        self._has_failed = False
        self._bulk: Bulk = FolderBulk(Folder(options.to)) if options.to else _table(options, files)
        self._is_interval_given = bool(options.to) or "--interval_seconds" in options.given
        self._interval_seconds = options.interval_seconds

    def run(self) -> int:
        try:
            for file in self._files:
                self._load(file)
            self._bulk.flush()
        except KeyboardInterrupt:
            thread = Thread(target=self._try_to_flush, daemon=True)
            thread.start()
            thread.join(STOP_SECONDS)
            raise
        except HandlerError as error:
            self._fail(error)
        finally:
            self._report()
        return ExitCode.FAILURE if self._invalid or self._has_failed or self._bulk.failed else ExitCode.OK

    def _load(self, file: _File) -> None:
        found, invalid_before = None, self._invalid
        if file.is_terminal:
            print_message("reading standard input: end it with Ctrl-D")
        for found in file.find(on_wait=self._bulk.flush):
            if isinstance(found.what, Record):
                self._add(file, found.what, found.text)
            else:
                self._invalid += 1
                if self._invalid <= invalid_before + MAX_NAMED:
                    print_message(f"{file.place}:{found.line}: invalid: {found.what}")
        if (more := self._invalid - invalid_before - MAX_NAMED) > 0:
            print_message(f"{file.place}: {more} more are invalid")
        if found is None and file.head:
            hints = (hint for head, hint in HINTS.items() if file.head.startswith(head))
            self._fail(f"{file.place}: no record was found: {next(hints, f'it begins with {file.head[:40]!r}')}")

    def _add(self, file: _File, record: Record, text: bytes) -> None:
        if file.is_stream and record.interval_seconds is None and not self._is_interval_given:
            self._is_interval_given = True
            print_message(
                f"plain lines have no interval, and a stream is read only once: taken is {self._interval_seconds} s;"
                " --interval_seconds N decides otherwise"
            )
        self._bulk.add(record, text.decode())
        if file.is_stream and time.monotonic() - self._bulk.batch_since > MAX_WAIT_SECONDS:
            self._bulk.flush()

    def _try_to_flush(self) -> None:
        try:
            self._bulk.flush()
        except HandlerError as error:
            self._fail(error)

    def _fail(self, message: object) -> None:
        self._has_failed = True
        print_message(message)

    def _report(self) -> None:
        """Say what became of the records."""
        bulk = self._bulk
        if bulk.failed:
            print_message(f"{_records(bulk.failed)} not stored: {bulk.failed[0].error}")
        if bulk.batch:
            print_message(f"{_records(bulk.batch)} may not be stored: load the file again")
        if bulk.changed_days:
            events = " ".join(f'{{"day":"{day}"}}' for day in sorted(bulk.changed_days))
            print_message(f"days changed; if they are archived, send these events to the archive function: {events}")
        print_message(
            f"loaded {bulk.loaded}, already there {bulk.already_there}, different {bulk.different},"
            f" no data {bulk.no_data}, expired {bulk.expired}, invalid {self._invalid}"
        )


def _records(some: Sized) -> str:
    return f"{len(some)} record{'s' * (len(some) != 1)}"


def _table(options: Namespace, files: Sequence[_File]) -> Bulk:
    from ..stores.table import Table  # boto3 more than doubles the start-up time

    name, region = options.table
    days = options.retention_days
    create = partial(Table, name, region=region, retention_days=days)
    intervals: dict[str, int] = {}
    bulk = TableBulk(
        lambda seconds: create(default_interval_seconds=seconds),
        intervals,
        options.interval_seconds,
        retention_days=days,
        warn=print_message,
    )
    if "--interval_seconds" not in options.given:
        intervals |= _intervals(files)
    return bulk


def _intervals(files: Sequence[_File]) -> dict[str, int]:
    """The intervals of the pairs that have plain lines, which is said."""
    found = (found.what for file in files if not file.is_stream for found in file.find())
    intervals = infer_intervals(record for record in found if isinstance(record, Record))
    named = [f"{pair} {seconds} s" for pair, seconds in sorted(intervals.items())[:MAX_NAMED]]
    if named:
        more = f", {len(intervals) - MAX_NAMED} more" if len(intervals) > MAX_NAMED else ""
        print_message(
            "plain lines have no interval: taken is the commonest distance between samples"
            f" ({', '.join(named)}{more}); --interval_seconds N decides otherwise"
        )
    return intervals
