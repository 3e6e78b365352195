"""What a command reads records from: the files of --from, or else the tables of --table."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from os.path import samestat
from pathlib import Path
from typing import TYPE_CHECKING

from handler import bootstrap
from handler.cli.input_hint import input_hint
from handler.errors import HandlerError, UsageError
from handler.options import Options
from handler.record import Series
from handler.settings import read_files, read_tables
from handler.stores.files import file_status, parquet_files
from handler.stores.store import RecordSource

if TYPE_CHECKING:
    from handler.stores.record_files import RecordFiles

TABLES = ("--table",)
"""Flags that take several values where records are read."""


def check_is_not_read(options: Options, flag: str) -> None:
    """Raise UsageError if the file that a flag names, which will be replaced, is one that --from reads."""
    target = Path(options.value(flag))
    if not options.is_given("--from") or not target.exists():
        return
    replaced = target.stat()
    for name in read_files(options):
        if any(samestat(replaced, file_status(file)) for file in parquet_files(name)):
            raise UsageError(f"{flag} {target} is read by --from, and would be replaced: give another name")


@contextmanager
def open_source(
    options: Options, wanted: Collection[Series], since: float, until: float, *, default_interval_seconds: int
) -> Iterator[RecordSource]:
    """What can be asked for the slots of these series in [since, until). Raises as `open_files` or `open_tables`."""
    if options.is_given("--from"):
        with open_files(
            options, frozenset(wanted), since, until, default_interval_seconds=default_interval_seconds
        ) as files:
            yield files
    else:
        yield open_tables(options)


def open_tables(options: Options) -> RecordSource:
    """The tables, read as one. Raises UsageError, or TableError if AWS is configured wrongly."""
    tables = bootstrap.open_tables(read_tables(options))
    bootstrap.resume_garbage_collection()
    return tables


@contextmanager
def open_files(
    options: Options,
    wanted: Collection[Series] | None,
    since: float,
    until: float,
    *,
    default_interval_seconds: int,
) -> Iterator["RecordFiles"]:
    """The records of the files. Raises HandlerError at the end if they hold something invalid: all else was read.

    At once, if nothing else is there.
    """
    if options.is_flag_given("--table"):
        raise UsageError("--from and --table are mutually exclusive: give one of them")
    names = read_files(options)
    bootstrap.resume_garbage_collection()
    files = bootstrap.open_files(
        names,
        wanted=wanted,
        since=since,
        until=until,
        default_interval_seconds=default_interval_seconds,
        hint=input_hint,
    )
    if files.holds_record or not files.invalid:
        yield files
    if files.invalid:
        raise HandlerError(f"{files.description}: left out {files.invalid} that are invalid or cannot be read")
