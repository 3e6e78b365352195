"""Write one day into the archive: the table's records and the rows of the day's former file become its new file."""

import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
from duckdb import DuckDBPyConnection as Duck

from ..errors import StoreError
from ..slots import format_timestamp, parse_timestamp
from ..stores.bucket import Bucket
from ..stores.table import Table
from .columns import rows_of_lines

DAY_SECONDS = 86_400
WORKERS = 8  # pairs that are read at the same time
# One thread, so that the same rows give the same bytes. DuckDB spills into its folder what is over the memory limit.
DUCKDB: Mapping[str, str | int] = {"threads": 1, "memory_limit": "800MB"}

# Each slot of a pair once: a measurement before a reason, an earlier one before a later one, then the table's row.
MERGE = """
    SELECT * EXCLUDE (rank) FROM ({sources})
    QUALIFY row_number() OVER (PARTITION BY slot ORDER BY reason IS NOT NULL, timestamp, bids IS NULL, rank) = 1
    ORDER BY slot
"""
# DuckDB ends a row group after each vector (at most 2,048 rows) that fills it, and a vector never spans two files that
# are read. So of one file for each pair, in their order, ROW_GROUP_SIZE 1 makes row groups of one pair each: exactly
# one for a day at 60 s, one for each 2,048 slots below.
ONE_ROW_GROUP_EACH = """
    COPY (FROM read_parquet({parts}, union_by_name = true)) TO '{path}'
    (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 1)
"""


class Written(NamedTuple):
    """The rows, pairs and bytes of a day's file, and the items of the table that could not be read into it."""

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

    Pairs of a day's former file and of the day before are read too, so that a pair that was removed from the settings
    keeps its last day. Methods raise StoreError; the day's file is then the one that it was.
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
        with TemporaryDirectory() as folder:
            try:
                with duckdb.connect(config={**DUCKDB, "temp_directory": f"{folder}/spill"}) as duck:
                    return self._write(day, deadline, replace, Path(folder), duck)
            except duckdb.Error as error:
                raise StoreError(f"{day} is not written: {_first_line(error)}") from error

    def _write(self, day: str, deadline: float, replace: bool, folder: Path, duck: Duck) -> Written:
        before = format_day(parse_day(day) - 1)
        etags = self._bucket.days(since=before)
        files = {each: self._bucket.download(each, folder / each) for each in (before, day) if each in etags}
        pairs_of = {each: self._pairs_of(duck, file) for each, file in files.items()}
        names = sorted(self._pairs.union(*pairs_of.values()))
        kept = pairs_of.get(day, frozenset()) - (self._pairs if replace else frozenset())
        damaged: list[str] = []

        def write_pair(number: int) -> Path | None:
            if time.monotonic() > deadline:
                advice = "move some pairs into a second stack with the same table and an archive of its own"
                raise StoreError(f"{day} is not written: there was no time to read {len(names)} pairs; {advice}")
            lines, pair = folder / f"{number}.jsonl", names[number]
            self._write_lines(pair, day, lines, damaged)
            return merge_pair(duck.cursor(), pair, lines, files[day] if pair in kept else None)

        with ThreadPoolExecutor(WORKERS) as pool:
            parts = [str(part) for part in pool.map(write_pair, range(len(names))) if part]
        if not parts:
            return Written(damaged=damaged)
        whole = folder / "whole"
        (rows,) = duck.execute(ONE_ROW_GROUP_EACH.format(parts=parts, path=whole)).fetchone() or (0,)
        self._bucket.upload(day, whole, replaces=etags.get(day))
        return Written(rows, len(parts), whole.stat().st_size, sorted(damaged))

    def _pairs_of(self, duck: Duck, file: Path) -> frozenset[str]:
        try:
            found = duck.execute(f"SELECT DISTINCT pair FROM read_parquet('{file}')").fetchall()
        except duckdb.Error as error:
            where = self._bucket.describe(file.name)
            raise StoreError(f"{where} cannot be read: {_first_line(error)}; delete it, or restore a version") from error
        return frozenset(pair for (pair,) in found)

    def _write_lines(self, pair: str, day: str, path: Path, damaged: list[str]) -> None:
        start = parse_day(day)
        with path.open("w", encoding="utf-8") as file:
            for record in self._table.query(pair, since=start, until=start + DAY_SECONDS, on_damaged=damaged.append):
                file.write(f"{record.to_line()}\n")


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]


def merge_pair(duck: Duck, pair: str, lines: Path, former: Path | None) -> Path | None:
    """Write the rows of a pair's lines, and of its former rows, into a file of its own; None if there is no row."""
    part = lines.with_suffix(".parquet")
    sources = [f"SELECT *, 0 AS rank FROM ({rows_of_lines(str(lines))})"]
    if former:
        duck.execute("SET VARIABLE pair = $1", [pair])
        sources.append(f"SELECT *, 1 AS rank FROM read_parquet('{former}') WHERE pair = getvariable('pair')")
    rows = MERGE.format(sources=" UNION ALL BY NAME ".join(sources))
    (count,) = duck.execute(f"COPY ({rows}) TO '{part}' (FORMAT parquet)").fetchone() or (0,)
    lines.unlink()
    return part if count else None
