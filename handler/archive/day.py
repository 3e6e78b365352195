"""Writes one day into the archive: the table's records and the rows of the day's former file become its new file."""

import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ..errors import SourceError, StoreError
from ..reading.columns import FILE_COLUMNS, quoted
from ..reading.engine import Engine, sql_literal
from ..reading.source import Records
from ..slots import format_timestamp, parse_timestamp
from ..stores.bucket import Bucket
from ..stores.table import Table

DAY_SECONDS = 86_400
WATCHED_DAYS = 7  # before today: those without a file are written too
WORKERS = 8  # pairs that are read from the table at the same time
PAIR_ROWS = f"FROM records SELECT {', '.join(map(quoted, FILE_COLUMNS))} ORDER BY slot"
# DuckDB ends a row group after each vector (at most 2,048 rows) that fills it, and a vector never spans two files that
# are read. So of one file for each pair, in their order, ROW_GROUP_SIZE 1 makes row groups of one pair each: exactly
# one for a day at 60 s, one for each 2,048 slots below.
ONE_PAIR_EACH = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1, ROW_GROUP_SIZE 1"


class Written(NamedTuple):
    """The rows, pairs and bytes of a day's file, and a sentence for each item that could not be read into it."""

    rows: int = 0
    pairs: int = 0
    bytes: int = 0
    damaged: Sequence[str] = ()


def parse_day(text: str) -> int:
    """The start of `2026-11-24` in epoch seconds. Raises InvalidTimestamp for anything else."""
    return parse_timestamp(f"{text}T00:00:00Z")


def format_day(epoch_seconds: float) -> str:
    """The day of a moment: `2026-11-24`."""
    return format_timestamp(epoch_seconds)[:10]


class DayWriter:
    """Writes days of a table into a bucket. `pairs` are those of the settings.

    Pairs of a day's former file and of the file before it are read too, so that a pair that was removed from the
    settings keeps its last day. Methods raise HandlerError; the day's file is then the one that it was.
    """

    def __init__(self, table: Table, bucket: Bucket, pairs: Collection[str]) -> None:
        self._table = table
        self._bucket = bucket
        self._pairs = frozenset(pairs)

    def write(self, day: str, deadline: float, *, replace: bool = False) -> Written:
        """Merge what the table holds of a day with the day's former file, and upload it in one request.

        No row of the former file is lost: a slot that the table does not hold, or no longer, keeps its row. With
        `replace` the table alone decides about the pairs of the settings. The same rows give the same bytes. A day
        without a row is not written. `deadline` is of the monotonic clock.
        """
        etags = self._bucket.days(since=format_day(parse_day(day) - WATCHED_DAYS * DAY_SECONDS))
        earlier = [each for each in sorted(etags) if each < day][-1:]
        with Engine() as engine:
            engine.run("SET threads = 1")
            needed = {*earlier, day} & etags.keys()
            files = {each: self._bucket.download(each, engine.folder / each) for each in needed}
            rows_of = {each: self._rows_of(engine, file) for each, file in files.items()}
            pairs = self._pairs.union(*rows_of.values())
            former = rows_of.get(day, {}).items()
            kept = {pair: rows for pair, rows in former if not (replace and pair in self._pairs)}
            damaged: list[str] = []
            parts: list[str] = []
            for pair, lines, count in self._read(day, pairs, engine.folder, deadline, damaged):
                sources = [*([lines] if count else []), *([files[day]] if pair in kept else [])]
                if sources:
                    parts.append(str(lines.with_suffix(".parquet")))
                    merge_pair(pair, sources, parts[-1], at_least=max(count, kept.get(pair, 0)))
                lines.unlink()
            if not parts:
                return Written(damaged=damaged)
            whole = engine.folder / "whole"
            [[rows]] = engine.rows(f"COPY (FROM read_parquet({parts})) TO {sql_literal(whole)} ({ONE_PAIR_EACH})")
            self._bucket.upload(day, whole, replaces=etags.get(day))
            return Written(rows, len(parts), whole.stat().st_size, sorted(damaged))

    def _read(
        self, day: str, pairs: Collection[str], folder: Path, deadline: float, damaged: list[str]
    ) -> Iterator[tuple[str, Path, int]]:
        """Read the table's records of each pair, several pairs at a time: a file of lines, and how many there are."""
        start, names = parse_day(day), sorted(pairs)

        def read(number: int) -> tuple[Path, int]:
            if time.monotonic() > deadline:
                advice = "move some pairs into a second stack with the same table and an archive of its own"
                raise StoreError(f"{day} is not written: there was no time to read {len(names)} pairs; {advice}")
            records = self._table.query(
                names[number], since=start, until=start + DAY_SECONDS, on_damaged=damaged.append
            )
            path, count = folder / f"{number}.jsonl", 0
            with path.open("w", encoding="utf-8") as file:
                for count, record in enumerate(records, 1):  # noqa: B007 - the number of the last one
                    file.write(f"{record.to_line()}\n")
            return path, count

        with ThreadPoolExecutor(WORKERS) as pool:
            for pair, (path, count) in zip(names, pool.map(read, range(len(names))), strict=True):
                yield pair, path, count

    def _rows_of(self, engine: Engine, file: Path) -> dict[str, int]:
        """The number of rows of each pair in a file."""
        try:
            return dict(engine.rows(f"FROM read_parquet({sql_literal(file)}) SELECT pair, count(*) GROUP BY pair"))
        except SourceError as error:
            where = self._bucket.describe(file.name)
            raise StoreError(f"{where} is not a file of records: delete it, or restore a version ({error})") from error


def merge_pair(pair: str, sources: Sequence[Path], part: str, *, at_least: int) -> None:
    """Write the rows of a pair's lines and former file into a file of its own.

    Each slot has one row: a measurement before a reason, then the earliest, then that of the first source. Raises
    SourceError, also for a row that would be lost.
    """
    with Engine() as engine:
        records = Records(engine=engine, pairs=[pair], with_reasons=True)
        records.load([str(source) for source in sources])
        [[rows]] = engine.rows(f"COPY ({PAIR_ROWS}) TO {sql_literal(part)} (FORMAT parquet)")
    if records.failures or rows < at_least:
        raise SourceError(
            f"{pair} would have {rows} rows instead of {at_least}, so nothing is written: the log says why"
        )
