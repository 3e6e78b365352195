"""DuckDB in bounded memory: a temporary folder, progress on a terminal, signals, and errors in one sentence."""

import os
import shutil
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from ..errors import SourceError, UsageError

MAX_MEMORY_BYTES = 1_600_000_000  # DuckDB's own share of the 2 GB that this program may take
SHOW_PROGRESS_AFTER_SECONDS = 2.0
ROWS_PER_FETCH = 5_000
NO_MEMORY = "this needs more memory than there is: give a shorter range or fewer pairs"

Result = TypeVar("Result")


class Engine:
    """One DuckDB connection and a temporary folder, which `close` removes."""

    def __init__(self) -> None:
        try:
            import duckdb  # optional, and slow to load: --help works without it
        except ImportError:
            raise UsageError("reading records needs the package duckdb: run pip install duckdb") from None

        self._error = duckdb.Error
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="obi-"))
        except OSError as error:
            raise SourceError(f"no temporary folder: {error.strerror}; set TMPDIR to a folder with room") from error
        self.close = weakref.finalize(self, shutil.rmtree, str(self.folder), ignore_errors=True)
        self.connection = duckdb.connect(
            config={
                "memory_limit": "50%",  # of this machine or container
                "temp_directory": str(self.folder / "duckdb"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self.connection.execute("SET TimeZone = 'UTC'")
        # so that query_progress() counts, without a bar on standard output
        self.connection.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
        [[half]] = self.rows("SELECT parse_formatted_bytes(current_setting('memory_limit'))")
        self.run(f"SET memory_limit = '{min(half, MAX_MEMORY_BYTES)}B'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(self._error):  # an interrupted query may still run
            self.connection.close()
        self.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query. Raises SourceError."""
        return [row for rows in self.stream(sql, parameters) for row in rows]

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a query, ROWS_PER_FETCH at a time. Raises SourceError."""
        self.run(sql, parameters)
        while rows := self.in_thread(lambda: self.connection.fetchmany(ROWS_PER_FETCH)):
            yield rows

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement. Raises SourceError."""
        self.in_thread(lambda: self.connection.execute(sql, list(parameters)))

    def columns(self, sql: str) -> dict[str, str]:
        """Return the names of a query's columns → their types. Raises SourceError."""
        return {str(row[0]): str(row[1]) for row in self.rows(f"DESCRIBE {sql}")}

    def in_thread(self, work: Callable[[], Result]) -> Result:
        """Do it in another thread: in this one DuckDB would turn the exception of a signal into another."""
        results: list[Result] = []
        errors: list[Exception] = []

        def collect() -> None:
            try:
                results.append(work())
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=collect, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise SourceError("no thread can be started: this user or machine has too many") from error
        try:
            self._wait(thread)
        except BaseException:
            self.connection.interrupt()
            thread.join(timeout=1)
            raise
        if errors:
            raise _source_error(errors[0], self.folder) from errors[0]
        return results[0]

    def _wait(self, thread: threading.Thread) -> None:
        show_after = time.monotonic() + SHOW_PROGRESS_AFTER_SECONDS
        while thread.is_alive():
            thread.join(timeout=0.2)
            if time.monotonic() > show_after:
                show_progress(f"reading … {max(self.connection.query_progress(), 0):.0f} %")
        if time.monotonic() > show_after:
            show_progress("")


def show_progress(text: str) -> None:
    """Replace the last line of stderr, if that is a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        with suppress(OSError):
            os.write(sys.stderr.fileno(), f"\r\x1b[K{text}".encode())


def sql_literal(value: object) -> str:
    """Write a value as a literal of SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def _source_error(error: Exception, folder: Path) -> Exception:
    """Return an error of DuckDB in one sentence; any other error, or a mistake of this program, as it is."""
    import duckdb

    if isinstance(error, MemoryError):
        return SourceError(NO_MEMORY)
    if not isinstance(error, duckdb.Error) or isinstance(error, (duckdb.CatalogException, duckdb.ParserException)):
        return error
    reason = str(error).partition("\n")[0]
    if "No space left" in str(error) or "max_temp_directory_size" in str(error):
        where = f"in the output's folder, or in {folder.parent} to sort the records: set TMPDIR to a folder with room"
        return SourceError(f"no room is left {where}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return SourceError(f"{NO_MEMORY} ({reason})")
    return SourceError(f"the records cannot be read: {reason}")
