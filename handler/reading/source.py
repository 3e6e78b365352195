"""Anything that stores records → one DuckDB relation, `records`: one row for each pair and slot."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..errors import SourceError, UsageError
from ..messages import escaped
from ..record import Record
from ..slots import MAX_EPOCH_SECONDS, MAX_INTERVAL_SECONDS, parse_iso_time
from .choice import DUPLICATES, INFERRED, PLAIN_DUPLICATES, say_intervals, warn_of_shared_slots
from .columns import ALL_COLUMNS, NARROW, from_lines, quoted
from .engine import Engine, show_progress, sql_literal
from .files import ROWS_PER_FILE, File, find_files, new_path
from .lines import MAX_SHOWN, read_lines
from .parquet import open_parquet

if TYPE_CHECKING:
    from ..stores.table import Table

Address: TypeAlias = "str | tuple[str, str | None] | Table"  # NAME, NAME@REGION, both parts of it, or an open table

DEFAULT_INTERVAL_SECONDS = 60
CHECKED = """pair VARCHAR, seconds BIGINT, file_slot BIGINT, interval_seconds BIGINT, has_data BOOLEAN,
    has_levels BOOLEAN, obi DOUBLE, notional_bid DOUBLE, notional_ask DOUBLE, levels BIGINT, reason VARCHAR,
    id BIGINT, invalid VARCHAR"""  # the narrow columns that rows are chosen by
CHECKED_NAMES = ", ".join(column.split()[0] for column in CHECKED.split(","))
ALWAYS_COLUMNS = (
    "pair",
    "slot",
    "slot_seconds",
    "timestamp",
    *NARROW[2:],
)  # columns of every row, whatever the question is
EXPRESSIONS = {
    "timestamp": "make_timestamptz(seconds * 1000000) AS timestamp",
    "slot": "make_timestamptz(slot * 1000000) AS slot",
    **{name: f"if(reason IS NULL, {name}, NULL) AS {name}" for name in ("obi", "notional_bid", "notional_ask")},
    "interval_seconds": "CAST(interval_seconds AS BIGINT) AS interval_seconds",
}  # of the columns of `records`

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
    table: "Address | list[Address] | None" = None,
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
    addresses = [] if table is None else table if isinstance(table, list) else [table]
    records.load([str(source) for source in sources], [open_table(address) for address in addresses])
    return engine.connection.sql("SELECT * FROM records").set_alias("records")


ALL_TIME = Range()


class Records:
    """Reads sources into an engine, as views: `records`, and `samples` with the narrow columns of all, reasons too.

    `columns` are those that the question needs; without them, all are computed when they are asked for. `failures` are
    the sources, lines, rows and items that could not be read.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        pairs: Sequence[str] = (),
        asked: Range = ALL_TIME,
        now: float = 0.0,
        interval_seconds: int | None = None,
        columns: Sequence[str] | None = None,
        with_reasons: bool = False,
    ) -> None:
        self.engine = engine
        self.pairs = pairs
        self.asked = asked
        self.now = now
        self.is_table = False
        self.description = ""
        self.absent: list[str] = []  # pairs that were asked for, and have no record at any time
        self.failures: list[str] = []
        self._interval_seconds = interval_seconds
        self._columns = columns
        self._with_reasons = with_reasons
        self._files: list[File] = []

    def load(self, names: Sequence[str], tables: "Sequence[Table]" = ()) -> None:
        """Read everything. Raises SourceError if nothing of it can be read."""
        files = self.engine.in_thread(lambda: find_files(names, self.engine.folder, self.failures))
        self._files = files + [self._lines_of(table) for table in tables]
        self.is_table = bool(tables)
        described = [*names, *(table.description for table in tables)]
        self.description = escaped(described[0]) if len(described) == 1 else f"{len(described)} sources"
        parts: dict[str, list[File]] = {}
        if texts := [file for file in self._files if file.kind != "parquet"]:
            columns = ["line"] if self._columns is None else self._columns
            parts["lines"], unread = read_lines(self.engine, texts, self.pairs, columns, self._within())
            self.failures += unread
        parquet = [file for file in self._files if file.kind == "parquet"]
        parts |= open_parquet(self.engine, parquet, self.pairs, self.failures)
        self._create_views(self._check(parts))
        for failure in self.failures:
            log.error("%s", failure)

    @property
    def order(self) -> str:
        """SQL that sorts pairs as they were given, or by name."""
        return f"list_position([{', '.join(map(sql_literal, self.pairs))}], pair)" if self.pairs else "pair"

    def reads(self, path: str) -> bool:
        """True if this file is one of those that were read."""
        target = Path(path)
        return target.exists() and any(Path(file.path).samefile(target) for file in self._files)

    def warn_of_unknown_keys(self) -> None:
        """Say which keys of lines, written by a newer version, are no columns."""
        keys = "SELECT DISTINCT unnest(json_keys(line)) FROM records WHERE line IS NOT NULL ORDER BY ALL"
        if unknown := [key for (key,) in self.engine.rows(keys) if key not in Record.__struct_fields__]:
            log.warning("left out keys of a newer version: %s; update this program to keep them", ", ".join(unknown))

    def _lines_of(self, table: "Table") -> File:
        """The records of a table as a file of lines; a damaged item is left out, and named."""
        path, number = new_path(self.engine.folder), 0
        since, until = self.asked.since or 0, MAX_EPOCH_SECONDS if self.asked.until is None else self.asked.until

        def damaged(text: str) -> None:
            self.failures.append(f"left out: {text}")

        with path.open("w", encoding="utf-8") as file:
            for pair in self.pairs:
                # the very first one, too: from then on slots are expected
                first = islice(table.query(pair, since=0, until=since, on_damaged=damaged), 1)
                for record in chain(first, table.query(pair, since=since, until=until, on_damaged=damaged)):
                    file.write(record.to_line() + "\n")
                    number += 1
                    if number % 1000 == 0:
                        show_progress(f"{table.description}: {number:,} records")
        show_progress("")
        return File(table.description, str(path))

    def _within(self) -> str:
        """SQL that is true for the lines whose other columns may be asked for."""
        latest = None if self.asked.until is None else self.asked.until + MAX_INTERVAL_SECONDS
        within = Range(self.asked.since, latest).sql("seconds")
        return within if self._with_reasons else f"has_data AND {within}"

    def _check(self, parts: Mapping[str, Sequence[File]]) -> list[str]:
        """Create the table `checked`, the narrow columns of all parts; returns those that can be read."""
        self.engine.run(f"CREATE TABLE checked ({CHECKED}, part INTEGER)")
        read: list[str] = []
        for part, files in parts.items():
            try:
                self.engine.run(f"INSERT INTO checked SELECT {CHECKED_NAMES}, {len(read)} FROM {part}")
                read.append(part)
            except SourceError as error:
                self.failures.append(f"{', '.join(file.name for file in files[:3])}: {error}")
        if not read:
            raise SourceError("; ".join(self.failures) or "nothing to read: give a folder")
        shown = self.engine.rows(
            "SELECT part, id, invalid, count(*) OVER () FROM checked WHERE invalid IS NOT NULL"
            f" ORDER BY part, id LIMIT {MAX_SHOWN}"
        )
        for part, row, values, _ in shown:
            file = parts[read[part]][row // ROWS_PER_FILE]
            self.failures.append(f"{file.name}: row {row % ROWS_PER_FILE + 1}: invalid: {values}")
        if shown and shown[0][3] > MAX_SHOWN:
            self.failures.append(f"{shown[0][3] - MAX_SHOWN} more invalid row(s)")
        return read

    def _create_views(self, parts: Sequence[str]) -> None:
        run = self.engine.run
        own_slot = "coalesce(file_slot, seconds // interval_seconds * interval_seconds) AS own_slot"
        run(f"CREATE VIEW narrow AS SELECT *, {own_slot} FROM checked WHERE invalid IS NULL")
        has_plain = bool(self.engine.rows("SELECT 1 FROM narrow WHERE interval_seconds IS NULL LIMIT 1"))
        is_inferred = has_plain and self._interval_seconds is None
        run(f"CREATE TABLE intervals AS {INFERRED if is_inferred else INFERRED + ' LIMIT 0'}")
        invalid = "SELECT part, id FROM checked WHERE invalid IS NOT NULL"
        duplicates = f"{DUPLICATES} UNION ALL {PLAIN_DUPLICATES}" if has_plain else DUPLICATES
        run(f"CREATE TABLE dropped AS {duplicates} UNION ALL {invalid}")
        has_dropped = bool(self.engine.rows("SELECT 1 FROM dropped LIMIT 1"))
        joined = f"LEFT JOIN intervals USING (pair){' ANTI JOIN dropped USING (part, id)' if has_dropped else ''}"
        slots = f"SELECT * REPLACE ({self._interval()} AS interval_seconds), {self._slot()} AS slot FROM"
        run(f"CREATE VIEW samples AS {slots} narrow {joined}")
        rows = [self._rows(part, f"(SELECT *, {number} AS part FROM {part}) {joined}")
                for number, part in enumerate(parts)]  # fmt: skip
        run(f"CREATE VIEW records AS {' UNION ALL '.join(rows)}")
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

    def _rows(self, part: str, relation: str) -> str:
        """SQL: the rows of one part as they are in `records`."""
        rows = f"(SELECT *, {self._slot()} AS slot FROM {relation})"
        rows = f"(SELECT * FROM {rows} WHERE {self.asked.sql()}{'' if self._with_reasons else ' AND has_data'})"
        if self._columns is None and part == "lines":
            rows = from_lines(rows)
        columns = ALL_COLUMNS if self._columns is None else (*ALWAYS_COLUMNS, *self._columns)
        expressions = EXPRESSIONS | {"slot_seconds": f"{self._interval()} AS slot_seconds"}
        selected = [expressions.get(name, quoted(name)) for name in dict.fromkeys(columns)]
        return f"SELECT {', '.join(selected)} FROM {rows}"


def open_table(address: Address) -> "Table":
    """Raises StoreError if AWS is configured wrongly."""
    from ..stores.table import Table  # boto3 is optional, and slow to load

    if isinstance(address, str):
        name, _, region = address.partition("@")
        address = (name, region or None)
    return Table(address[0], region=address[1]) if isinstance(address, tuple) else address


def _moment(moment: "float | str | datetime | None") -> float | None:
    if isinstance(moment, str):
        return parse_iso_time(moment)
    return moment.timestamp() if isinstance(moment, datetime) else moment
