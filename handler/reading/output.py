"""Rows as JSON lines, CSV or Parquet, to standard output or into a file that is complete or not there."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from ..errors import SourceError, UsageError
from .columns import TIMES
from .engine import Engine, sql_literal

Write = Callable[[str], object]  # writes lines at once; takes them without the last line end
Render = Callable[[Mapping[str, Any]], str]  # turns a row into a line of JSON

SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"} | dict.fromkeys(
    ("", ".jsonl", ".ndjson", ".json", ".txt", ".log"), "jsonl"
)
OTHER_COMPRESSIONS = (".zst", ".bz2", ".xz", ".zip")
FORMATS = ("jsonl", "csv", "parquet")
ROWS_PER_WRITE = 200


class Target(NamedTuple):
    """The target of the output: a path, None for standard output; one of FORMATS; and whether gzip compresses it."""

    path: str | None
    format: str
    is_gzip: bool = False

    @classmethod
    def parse(cls, output: str | None, name: str | None) -> "Target":
        """The ending of the file decides, unless a format is named. Raises UsageError."""
        path = None if output in (None, "-") else output
        if path and not path.isprintable():
            raise UsageError(f"--output {path!r} is not printable text: give another name")
        if name is not None and name not in FORMATS:
            raise UsageError(f"--format {name} is invalid: give one of {', '.join(FORMATS)}")
        lowered = (path or "").lower()
        if lowered.endswith(OTHER_COMPRESSIONS):
            raise UsageError(f"--output {path}: only gzip is written: give a name that ends in .gz")
        is_gzip = lowered.endswith(".gz")
        suffix = Path(lowered.removesuffix(".gz")).suffix
        found = name or SUFFIXES.get(suffix)
        if found is None and (Path(path or "").is_file() or not Path(path or "").exists()):
            raise UsageError(f"--output {path}: {suffix} is not written: give .jsonl, .csv or .parquet, or --format")
        found = found or "jsonl"
        if found == "parquet" and path is None:
            raise UsageError("--format parquet is not text: give --output FILE")
        if found == "parquet" and is_gzip:
            raise UsageError(f"--output {path}: Parquet is compressed by itself: give a name without .gz")
        return cls(path, found, is_gzip)


@contextmanager
def complete_file(path: str, flag: str = "--output") -> Iterator[Path]:
    """A temporary name in the same folder, which becomes `path` at the end; if anything is raised, nothing is left.

    A file keeps its mode. What cannot be replaced, such as a pipe or a mounted file, is written in place at the end.
    Raises UsageError or SourceError.
    """
    is_special = Path(path).exists() and not Path(path).is_file()  # /dev/stdout of a pipe has no other name
    try:
        target = Path(path) if is_special else Path(path).resolve()
    except OSError as error:  # the working directory was deleted
        raise UsageError(f"{flag} {path} cannot be written: {error.strerror}") from error
    if target.is_dir():
        raise UsageError(f"{flag} {path} is a folder: give the name of a file")
    try:
        number, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=None if is_special else target.parent)
    except OSError as error:
        raise UsageError(f"{flag} {path} cannot be written: {error.strerror}") from error
    os.close(number)
    unfinished = Path(name)
    try:
        yield unfinished
        _finish(unfinished, target, is_special)
    except OSError as error:
        if error.filename not in (None, name, str(target)):
            raise
        raise SourceError(f"{flag} {path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _finish(unfinished: Path, target: Path, is_special: bool) -> None:
    if not is_special:
        umask = os.umask(0)
        os.umask(umask)
        unfinished.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~umask)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(OSError):  # such as a file that is mounted, which has to be written in place
            unfinished.replace(target)
            return
    with unfinished.open("rb") as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)


def write_rows(
    engine: Engine, sql: str, target: Target, write: Write, render: Render, path: Path | None = None
) -> None:
    """Write the rows of a query, to `path` if there is one, else by `write`."""
    if target.format == "jsonl":
        _write_jsonl(engine, sql, target, write, render, path)
        return
    copy = path or engine.folder / "output.csv"
    if target.format == "parquet":
        options = "FORMAT parquet, COMPRESSION zstd"
    else:
        sql, options = as_text(engine, sql), f"FORMAT csv, HEADER, COMPRESSION {'gzip' if target.is_gzip else 'none'}"
    engine.run(f"COPY ({sql}) TO {sql_literal(copy)} ({options})")
    if path is None:
        with copy.open(encoding="utf-8", newline="\n") as lines:
            while chunk := lines.readlines(1 << 16):
                write("".join(chunk).removesuffix("\n"))


def as_text(engine: Engine, sql: str) -> str:
    """The query with times as in records, and lists as JSON."""
    columns = []
    for name, kind in engine.columns(sql).items():
        if kind == "TIMESTAMP WITH TIME ZONE":
            ending = ".%gZ" if name in TIMES else "Z"
            columns.append(f'strftime("{name}", \'%Y-%m-%dT%H:%M:%S{ending}\') AS "{name}"')
        elif kind.endswith("]") or kind.startswith("MAP"):
            columns.append(f'CAST(to_json("{name}") AS VARCHAR) AS "{name}"')
        else:
            columns.append(f'"{name}"')
    return f"SELECT {', '.join(columns)} FROM ({sql})"


def _write_jsonl(engine: Engine, sql: str, target: Target, write: Write, render: Render, path: Path | None) -> None:
    names = list(engine.columns(sql))
    with _opened(path, target) as file:
        for rows in engine.stream(sql):
            lines = [render(dict(zip(names, row, strict=True))) for row in rows]
            if file is not None:
                file.write("".join(f"{line}\n" for line in lines).encode())
                continue
            for start in range(0, len(lines), ROWS_PER_WRITE):
                write("\n".join(lines[start : start + ROWS_PER_WRITE]))


@contextmanager
def _opened(path: Path | None, target: Target) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    with path.open("wb") as file:
        if not target.is_gzip:
            yield file
            return
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", compresslevel=6) as compressed:
            yield compressed  # type: ignore[misc]


def time_text(moment: datetime, *, is_exact: bool = False) -> str:
    """A time as in records: in whole seconds or, if it is exact, milliseconds."""
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment.microsecond // 1000:03}Z" if is_exact else f"{whole}Z"


def render_row(row: Mapping[str, Any], optional: Sequence[str] = ()) -> str:
    """A row as one line of JSON; of `optional` columns the null ones are left out."""
    values = {
        name: time_text(value) if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None or name not in optional
    }
    return msgspec.json.encode(values).decode()
