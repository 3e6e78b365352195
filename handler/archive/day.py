"""Writes one day into the archive: the table's records and the rows of the day's existing file become its new file."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import SourceError, StoreError
from ..reading.columns import FILE_COLUMNS, quoted
from ..reading.engine import Engine, sql_literal
from ..reading.source import Records
from ..record import Record
from ..slots import DAY_SECONDS, format_timestamp, parse_timestamp
from ..stores.bucket import Bucket
from ..stores.table import Table

WATCHED_DAYS = 7  # before today: those without a file are written too
GROUP_SIZE = 10  # pairs that are merged together
ROWS = f"SELECT {', '.join(map(quoted, FILE_COLUMNS))} FROM records"
# DuckDB ends a row group after each vector (at most 2,048 rows) that fills it, and a vector never spans two files that
# are read. So of one file for each pair, in their order, ROW_GROUP_SIZE 1 makes row groups of one pair each: exactly
# one for a day at 60 s, one for each 2,048 slots below.
ONE_PAIR_PER_ROW_GROUP = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1, ROW_GROUP_SIZE 1"


def parse_day(text: str) -> int:
    """Return the start of `2026-11-24` in epoch seconds. Raises InvalidTimestamp for anything else."""
    return parse_timestamp(f"{text}T00:00:00Z")


def format_day(epoch_seconds: float) -> str:
    """Return the day of a moment: `2026-11-24`."""
    return format_timestamp(epoch_seconds)[:10]


class DayWriter:
    """Writes days of a table into a bucket. `pairs` are those of the settings, `deadline` is of the monotonic clock.

    Pairs of a day's existing file and of the file before it are read too, so that a pair that was removed from the
    settings keeps its last day. Methods raise HandlerError; the day's file is then the one that it was.
    """

    def __init__(self, table: Table, bucket: Bucket, pairs: Collection[str], deadline: float) -> None:
        self._table = table
        self._bucket = bucket
        self._pairs = frozenset(pairs)
        self._deadline = deadline

    def write(self, day: str, *, replace: bool = False, may_be_empty: bool = False) -> dict[str, int]:
        """Merge what the table holds of a day with the day's existing file, and upload it in one request.

        A row of the existing file is kept if the table has no record of its slot. With `replace`, the pairs of the
        settings keep the rows of the table only. The same rows give the same bytes. A day without a row is not written.
        Damaged items are left out; an error after the upload names one. Returns the numbers of rows, pairs and bytes.
        """
        etags = self._bucket.days(since=format_day(parse_day(day) - WATCHED_DAYS * DAY_SECONDS))
        earlier = max((each for each in etags if each < day), default=day)
        read, damaged, parts = Counter[str](), list[str](), dict[str, str]()
        with Engine() as engine:
            engine.run("SET threads = 1")
            needed = {earlier, day} & etags.keys()
            files = {each: self._bucket.download(each, engine.folder / each) for each in needed}
            rows_of = {each: self._rows_of(engine, file) for each, file in files.items()}
            others = set[str]().union(*rows_of.values()) - self._pairs
            for pairs, file in ((self._pairs, None if replace else files.get(day)), (others, files.get(day))):
                for start in range(0, len(pairs), GROUP_SIZE):
                    group = sorted(pairs)[start : start + GROUP_SIZE]
                    merge(group, self._records(group, day, read, damaged), file, parts, engine.folder)
            kept = Counter({pair: n for pair, n in rows_of.get(day, {}).items() if not replace or pair in others})
            written = self._upload(engine, day, parts, read | kept, etags.get(day))
        if damaged:
            raise StoreError(
                f"{day}: {len(damaged)} damaged item(s) were left out: {min(damaged)}, then write the day again"
            )
        if not (parts or may_be_empty):
            advice = "compare TableName and Symbols with the sampler's"
            raise StoreError(f"{day} is not written: the table has no record of it; {advice}")
        return written

    def _records(self, pairs: Sequence[str], day: str, read: Counter[str], damaged: list[str]) -> Iterator[Record]:
        start = parse_day(day)
        for pair in pairs:
            if time.monotonic() > self._deadline:
                advice = "move some pairs into a second stack with the same table and an archive of its own"
                raise StoreError(f"{day} is not written: there was no time to read all pairs; {advice}")
            for record in self._table.query(pair, since=start, until=start + DAY_SECONDS, on_damaged=damaged.append):
                read[pair] += 1
                yield record

    def _upload(
        self, engine: Engine, day: str, parts: Mapping[str, str], at_least: Counter[str], etag: str | None
    ) -> dict[str, int]:
        if not parts:
            return {"rows": 0, "pairs": 0, "bytes": 0}
        whole, in_order = engine.folder / "whole", [parts[pair] for pair in sorted(parts)]
        engine.run(f"COPY (FROM read_parquet({in_order})) TO {sql_literal(whole)} ({ONE_PAIR_PER_ROW_GROUP})")
        rows = _count(engine, whole)
        if lost := at_least - rows:
            raise StoreError(f"{day} is not written: rows of {', '.join(sorted(lost))} would be lost")
        self._bucket.upload(day, whole, replaces=etag)
        return {"rows": rows.total(), "pairs": len(rows), "bytes": whole.stat().st_size}

    def _rows_of(self, engine: Engine, file: Path) -> Counter[str]:
        try:
            return _count(engine, file)
        except SourceError as error:
            where = self._bucket.describe(file.name)
            raise StoreError(f"{where} is not a file of records: delete it, or restore a version ({error})") from error


def _count(engine: Engine, file: Path) -> Counter[str]:
    return Counter(dict(engine.rows(f"FROM read_parquet({sql_literal(file)}) SELECT pair, count(*) GROUP BY pair")))


def merge(
    pairs: Sequence[str], records: Iterator[Record], existing: Path | None, parts: dict[str, str], folder: Path
) -> None:
    """Write the rows of each pair, of some records and the existing file, into a file of its own: its path in `parts`.

    Each slot has one row: a measurement before a reason, then the earliest, then that of `records`. Raises SourceError.
    """
    with Engine() as engine:
        lines = engine.folder / "records.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(f"{record.to_line()}\n" for record in records)
        sources = [lines, existing] if existing else [lines]
        Records(engine=engine, pairs=pairs, with_reasons=True).load([str(source) for source in sources])
        engine.run(f"CREATE TABLE rows AS {ROWS}")
        for (pair,) in engine.rows("SELECT DISTINCT pair FROM rows"):
            parts[pair] = f"{folder}/{len(parts)}.parquet"
            rows = f"FROM rows WHERE pair = {sql_literal(pair)} ORDER BY slot"
            engine.run(f"COPY ({rows}) TO {sql_literal(parts[pair])} (FORMAT parquet)")
