"""Rows as JSON lines, CSV or Parquet, to standard output or into a file that is complete or not there."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import SourceError, UsageError
from ..record import FULL_KEYS, PLAIN_KEYS, SPOT, Record
from .columns import TIMES
from .engine import Engine, sql_literal

Write = Callable[[str], object]  # writes lines at once; takes them without the last line end
Render = Callable[[Mapping[str, Any]], str]  # turns a row into a line of JSON

_LINE_SUFFIXES = ("", ".jsonl", ".ndjson", ".json", ".txt", ".log")
SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", **dict.fromkeys(_LINE_SUFFIXES, "jsonl")}
FORMATS = ("jsonl", "csv", "parquet")
PLAIN_COLUMNS = ("printed", *PLAIN_KEYS, "market", "reason")
DETAIL_COLUMNS = ("line", *FULL_KEYS, "reason")
DEPTH_COLUMNS = (*PLAIN_KEYS, "bps", "market")
_UNSAID = (("market", SPOT), ("levels", None), ("bps", None))  # what a row that is no record does not say


class Target(NamedTuple):
    """The target of the output: a path, None for standard output; one of FORMATS; and whether gzip compresses it."""

    path: str | None
    format: str
    is_gzip: bool = False

    @classmethod
    def parse(cls, output: str | None, name: str | None) -> "Target":
        """Choose the format by the ending of the file, unless one is named. Raises UsageError."""
        path = "" if output in (None, "-") else str(output)
        if not path.isprintable():
            raise UsageError(f"--output {path!r} is not printable text: give another name")
        if name is not None and name not in FORMATS:
            raise UsageError(f"--format {name} is invalid: give one of {', '.join(FORMATS)}")
        is_gzip = path.lower().endswith(".gz")
        suffix = Path(path.lower().removesuffix(".gz")).suffix
        found = name or SUFFIXES.get(suffix)
        if found is None or (found == "parquet" and is_gzip):
            raise UsageError(f"--output {path} is not written: give .jsonl, .csv, .jsonl.gz, .csv.gz or .parquet")
        if found == "parquet" and not path:
            raise UsageError("--format parquet is not text: give --output FILE")
        return cls(path or None, found, is_gzip)


@contextmanager
def atomic_file(path: str, flag: str = "--output") -> Iterator[Path]:
    """Yield a temporary file in the same folder, which replaces `path` at the end unless anything is raised.

    A file keeps its mode. What is no file, such as a pipe, is written at the end. Raises UsageError or SourceError.
    """
    if Path(path).is_dir():
        raise UsageError(f"{flag} {path} is a folder: give the name of a file")
    is_special = Path(path).exists() and not Path(path).is_file()
    try:
        target = Path(path) if is_special else Path(path).resolve()
        number, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=None if is_special else target.parent)
    except OSError as error:
        raise UsageError(f"{flag} {path} cannot be written: {error.strerror}") from error
    os.close(number)
    unfinished = Path(name)
    try:
        yield unfinished
        if is_special or not _has_replaced(unfinished, target):
            with unfinished.open("rb") as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
    except OSError as error:
        if error.filename not in (None, name, str(target)):
            raise
        raise SourceError(f"{flag} {path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _has_replaced(unfinished: Path, target: Path) -> bool:
    """Replace the target; False if it has to be written in place, such as a file that is mounted."""
    umask = os.umask(0)
    os.umask(umask)
    unfinished.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~umask)
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    try:
        unfinished.replace(target)
    except OSError:
        return False
    return True


def write_rows(
    engine: Engine, sql: str, target: Target, write: Write, render: Render, path: Path | None = None
) -> None:
    """Write the rows of a query, to `path` if there is one, else by `write`."""
    if target.format == "jsonl":
        texts = _rendered(engine, sql, render)
        if path is None:
            for text in texts:
                write(text)
            return
        with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw) if target.is_gzip else raw as file:
            file.writelines(f"{text}\n".encode() for text in texts)
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


def _rendered(engine: Engine, sql: str, render: Render) -> Iterator[str]:
    """Yield some lines at a time, without the last line end."""
    names = list(engine.columns(sql))
    for rows in engine.stream(sql):
        yield "\n".join(render(dict(zip(names, row, strict=True))) for row in rows)


def as_text(engine: Engine, sql: str) -> str:
    """Return a query that writes times as in records, and lists as JSON."""
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


def time_text(moment: datetime, *, is_exact: bool = False) -> str:
    """Write a time as in records: in whole seconds or, if it is exact, milliseconds."""
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment.microsecond // 1000:03}Z" if is_exact else f"{whole}Z"


def render_plain(row: Mapping[str, Any]) -> str:
    """Return a record without detail: its printed line if there is one, else the line that it would print."""
    return row["printed"] or _record(row).to_line(detail=False)


def render_detail(row: Mapping[str, Any]) -> str:
    """Return a record as it is stored."""
    return row["line"] or _record(row).to_line()


def _record(row: Mapping[str, Any]) -> Record:
    values: dict[str, Any] = dict.fromkeys(("obi", "notional_bid", "notional_ask"), 0.0)  # of a reason
    for key, value in row.items():
        if isinstance(value, datetime):
            values[key] = time_text(value, is_exact=key in TIMES)
        elif key in ("bids", "asks") and value is not None:
            values[key] = [(Decimal(repr(price)), Decimal(repr(quantity))) for price, quantity in value]
        elif value is not None and key not in ("line", "printed"):
            values[key] = value
    return Record(**values)


def render_row(row: Mapping[str, Any]) -> str:
    """Return a row as one line of JSON, without `levels` and `bps` if they are null, and without the market spot."""
    values = {
        name: time_text(value) if isinstance(value, datetime) else value
        for name, value in row.items()
        if (name, value) not in _UNSAID
    }
    return msgspec.json.encode(values).decode()
