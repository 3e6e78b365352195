"""Anything that stores records → one DuckDB relation, `records`: one row for each pair and slot."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..errors import SourceError, UsageError
from ..messages import escaped
from ..record import Record
from ..slots import MAX_INTERVAL_SECONDS, parse_iso_time
from .choice import (
    ALWAYS_COLUMNS,
    DUPLICATES,
    INFERRED,
    PLAIN_DUPLICATES,
    RECORDS_EXPRESSIONS,
    narrow,
    say_intervals,
    warn_of_shared_slots,
)
from .columns import ALL_COLUMNS, from_lines, quoted
from .engine import Engine, show_progress
from .files import File, Problem, find_files, new_path
from .lines import read_lines
from .parquet import open_parquet
from .tables import Address, TableRecords, open_tables

DEFAULT_INTERVAL_SECONDS = 60

log = logging.getLogger(__name__)
_open: list[Engine] = []  # of the relations that `read` returned, which live as long as the process


class Range(NamedTuple):
    """The slots that are asked for, in epoch seconds: those in [since, until). None: from the first, to the last."""

    since: float | None = None
    until: float | None = None

    def sql(self, slot: str = "slot") -> str:
        """True for the slots of this range."""
        until = "" if self.until is None else f" AND {slot} < {ceil(self.until)}"
        return f"{slot} >= {ceil(self.since or 0)}{until}"


def read(
    *sources: str | Path,
    table: "Address | Sequence[Address] | None" = None,
    symbols: Sequence[str] | None = None,
    since: "float | str | datetime | None" = None,
    until: "float | str | datetime | None" = None,
    interval_seconds: int | None = None,
) -> Any:
    """Read folders, files, globs (`-` is standard input) or tables into one DuckDB relation. Raises HandlerError.

    It has a row for each pair and slot: the keys of records, best prices, mid, ladder columns such as `obi_10bps`, and
    the `line` where there is one. `symbols` are pairs such as `BTCUSDT` or `usdm:BTCUSDT`, all without it; `since` and
    `until` epoch seconds, ISO times or datetimes. Reasons are left out. Invalid lines are logged.

        read("obi/").filter("pair = 'BTCUSDT'").df()
    """
    engine = Engine()
    _open.append(engine)
    asked = Range(_moment(since), _moment(until))
    records = Records(engine, interval_seconds=interval_seconds, pairs=symbols or (), asked=asked)
    if table is not None and not symbols:
        raise UsageError('a table is read by pair: give symbols, such as ["BTCUSDT"]')
    addresses = [] if table is None else list(table) if isinstance(table, list) else [cast(Address, table)]
    records.load([str(source) for source in sources], open_tables(addresses, symbols or (), *asked))
    return engine.connection.sql("SELECT * FROM records").set_alias("records")


ALL_TIME = Range()


class Records:
    """Reads sources into an engine, as views: `records`, and `samples` with the narrow columns of all, reasons too.

    `columns` are those that the question needs; without them, all are computed when they are asked for. `failures` is
    how many sources, lines, rows or items could not be read.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        pairs: Sequence[str] = (),
        asked: Range = ALL_TIME,
        interval_seconds: int | None = None,
        columns: Sequence[str] | None = None,
        with_reasons: bool = False,
    ) -> None:
        self.engine = engine
        self.description = ""
        self.failures = 0
        self._pairs = pairs
        self._asked = asked
        self._interval_seconds = interval_seconds
        self._columns = columns
        self._with_reasons = with_reasons
        self._parts: list[str] = []
        self._files: list[File] = []

    def load(self, names: Sequence[str], tables: Sequence[TableRecords] = ()) -> None:
        """Read everything. Raises SourceError if there is no record to read in any of it."""
        files, problems = self.engine.in_thread(lambda: find_files(names, self.engine.folder))
        files += [self._lines_of(table, problems) for table in tables]
        described = [*names, *(table.name for table in tables)]
        self.description = escaped(described[0]) if len(described) == 1 else f"{len(described)} sources"
        if not files:
            raise SourceError("; ".join(problem.text for problem in problems) or "nothing to read: give a folder")
        self._files = files
        texts = [file for file in files if file.kind != "parquet"]
        if texts:
            columns = ["line"] if self._columns is None else self._columns
            problems += read_lines(self.engine, texts, self._pairs, columns, self._within())
            self._parts.append("lines")
        parts, unread = open_parquet(self.engine, [file for file in files if file.kind == "parquet"], self._pairs)
        self._parts += parts
        self._report([*problems, *unread])
        self._create_views()

    def reads(self, path: str) -> bool:
        """True if this file is one of those that were read."""
        target = Path(path)
        return target.exists() and any(Path(file.path).samefile(target) for file in self._files)

    def warn_of_unknown_keys(self) -> None:
        """Say which keys of lines, written by a newer version, are no columns."""
        keys = "SELECT DISTINCT unnest(json_keys(line)) FROM records WHERE line IS NOT NULL ORDER BY ALL"
        if unknown := [key for (key,) in self.engine.rows(keys) if key not in Record.__struct_fields__]:
            log.warning("left out keys of a newer version: %s; update this program to keep them", ", ".join(unknown))

    def _lines_of(self, table: TableRecords, problems: list[Problem]) -> File:
        """The records of a table as a file of lines; a damaged item is left out, and named."""
        path = new_path(self.engine.folder)
        with path.open("w", encoding="utf-8") as file:
            for number, record in enumerate(table.read(lambda text: problems.append(Problem(f"left out: {text}"))), 1):
                file.write(record.to_line() + "\n")
                if number % 1000 == 0:
                    show_progress(f"{table.name}: {number:,} records")
        show_progress("")
        return File(table.name, str(path), "none")

    def _within(self) -> str:
        """SQL that is true for the lines whose other columns may be asked for."""
        latest = None if self._asked.until is None else self._asked.until + MAX_INTERVAL_SECONDS
        within = Range(self._asked.since, latest).sql("seconds")
        return within if self._with_reasons else f"has_data AND {within}"

    def _report(self, problems: Collection[Problem]) -> None:
        for problem in problems:
            log.log(logging.WARNING if problem.is_harmless else logging.ERROR, "%s", problem.text)
        self.failures = sum(not problem.is_harmless for problem in problems)
        if not self._parts:
            raise SourceError(f"{self.description}: there is nothing that can be read")

    def _create_views(self) -> None:
        run = self.engine.run
        run(f"CREATE VIEW narrow AS {' UNION ALL '.join(map(narrow, range(len(self._parts)), self._parts))}")
        has_plain = bool(self.engine.rows("SELECT 1 FROM narrow WHERE interval_seconds IS NULL LIMIT 1"))
        is_inferred = has_plain and self._interval_seconds is None
        run(f"CREATE TABLE intervals AS {INFERRED if is_inferred else INFERRED + ' LIMIT 0'}")
        run(f"CREATE TABLE dropped AS {DUPLICATES}{' UNION ALL ' + PLAIN_DUPLICATES if has_plain else ''}")
        has_dropped = bool(self.engine.rows("SELECT 1 FROM dropped LIMIT 1"))
        joined = f"LEFT JOIN intervals USING (pair){' ANTI JOIN dropped USING (part, id)' if has_dropped else ''}"
        slots = f"SELECT * REPLACE ({self._interval()} AS interval_seconds), {self._slot()} AS slot FROM"
        run(f"CREATE VIEW samples AS {slots} narrow {joined}")
        parts = [f"(SELECT *, {number} AS part FROM {part}) {joined}" for number, part in enumerate(self._parts)]
        run(f"CREATE VIEW records AS {' UNION ALL '.join(map(self._rows, parts))}")
        if is_inferred:
            say_intervals(self.engine)
        if has_plain or self._interval_seconds is not None:
            warn_of_shared_slots(self.engine)

    def _interval(self) -> str:
        flag = self._interval_seconds
        return str(flag) if flag else f"coalesce(interval_seconds, inferred, {DEFAULT_INTERVAL_SECONDS})"

    def _slot(self) -> str:
        """SQL: the flag decides, then the file's slot, the record's own interval, the inferred one."""
        interval = self._interval()
        floored = f"seconds // {interval} * {interval}"
        return floored if self._interval_seconds else f"coalesce(file_slot, {floored})"

    def _rows(self, relation: str) -> str:
        """SQL: the rows of one part as they are in `records`."""
        rows = f"(SELECT *, {self._slot()} AS slot FROM {relation})"
        rows = f"(SELECT * FROM {rows} WHERE {self._asked.sql()}{'' if self._with_reasons else ' AND has_data'})"
        if self._columns is None and " lines)" in relation:
            rows = from_lines(rows)
        columns = ALL_COLUMNS if self._columns is None else (*ALWAYS_COLUMNS, *self._columns)
        selected = [RECORDS_EXPRESSIONS.get(name, quoted(name)) for name in dict.fromkeys(columns)]
        return f"SELECT {', '.join(selected)} FROM {rows}"


def _moment(moment: "float | str | datetime | None") -> float | None:
    if isinstance(moment, str):
        return parse_iso_time(moment)
    return moment.timestamp() if isinstance(moment, datetime) else moment
