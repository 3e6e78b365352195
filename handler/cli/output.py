"""Where `history` writes: standard output, or a file that is complete or not there."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from handler.cli import Write
from handler.errors import HandlerError, UsageError

Row = TypeVar("Row")

TextFormat = Callable[[Iterable[Row], Write], None]
"""Writes rows as lines, each as soon as it comes."""

PARQUET = "parquet"
FORMAT_NAMES = ("jsonl", "csv", "table", PARQUET)
"""The values of --format; all but the last are text."""


def check_format(name: str, path: str | None) -> None:
    """Raise UsageError for an unknown format, for one that needs a file, or if its package is missing."""
    if name not in FORMAT_NAMES:
        raise UsageError(f"--format {name} is invalid: give one of {', '.join(FORMAT_NAMES)}")
    if name == PARQUET:
        if path is None:
            raise UsageError("--format parquet is not text: give --output FILE")
        import handler.stores.parquet  # noqa: F401 - raises UsageError without pyarrow


@dataclass(frozen=True, slots=True)
class Formats(Generic[Row]):
    """How rows of one kind are written: as text, by the value of --format, or as columns of Parquet."""

    text: Mapping[str, TextFormat[Row]]
    column_types: Sequence[tuple[str, type]]
    column_values: Callable[[Row], Sequence[Any]]

    def write(self, name: str, rows: Iterable[Row], path: str | None, write: Write) -> None:
        """Write rows in this format, which `check_format` accepts, into a file or, without path, by `write`.

        Raises UsageError or HandlerError.
        """
        if path is None:
            self.text[name](rows, write)
            return
        with complete_file(path) as file:
            if name == PARQUET:
                self._write_parquet(rows, file)
            else:
                with redirect_stdout(StringIO()):  # rich colours and wraps if that is a terminal
                    self.text[name](rows, lambda line: file.write(f"{line}\n".encode()))

    def _write_parquet(self, rows: Iterable[Row], file: IO[bytes]) -> None:
        from handler.stores.parquet import row_groups, schema_of, write_rows  # pyarrow is optional, and slow to load

        write_rows(file, schema_of(self.column_types), row_groups(map(self.column_values, rows)))


@contextmanager
def complete_file(path: str) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is complete; until then, and for ever if anything is raised, it is not there.

    Raises UsageError for a name that cannot be a file's, HandlerError if it cannot be written.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise UsageError(f"--output {path} is not a file: give the name of a new one")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(unfinished)):
            raise HandlerError(f"--output {path} cannot be written: {error.strerror}") from error
        raise
