"""Reads anything that stores records into one DuckDB relation, `records`: one row for each sample."""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import chain, islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from ..errors import SourceError, UsageError
from ..messages import escaped
from ..record import Record
from ..slots import MAX_EPOCH_SECONDS, MAX_INTERVAL_SECONDS, parse_iso_time
from .choice import create_views
from .engine import Engine, show_progress, sql_literal
from .files import File, find_files, new_path
from .lines import read_lines
from .parquet import open_parquet

if TYPE_CHECKING:
    from ..stores.table import Table

Address: TypeAlias = "str | tuple[str, str | None] | Table"  # NAME, NAME@REGION, both parts of it, or an open table

log = logging.getLogger(__name__)
_open: list[Engine] = []  # of the relations that `read` returned, which live as long as the process


class Range(NamedTuple):
    """The requested slots, in epoch seconds: those in [since, until). None: from the first, to the last."""

    since: float | None = None
    until: float | None = None

    def sql(self, slot: str = "slot") -> str:
        """Return SQL that is true for the slots of this range."""
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

    It has a row for each pair and slot, of plain lines for each sample: the keys of records, best prices, mid, ladder
    columns such as `obi_10bps`, and the `line` where there is one. `table` is NAME, NAME@REGION, a `Table` or a list of
    these. `symbols` are pairs such as `BTCUSDT` or `usdm:BTCUSDT`; without it, all. `since` and `until` are epoch
    seconds, ISO times or datetimes. `interval_seconds` replaces the interval of the records. Reasons are left out.
    Invalid lines are logged.

        read("obi/").filter("pair = 'BTCUSDT'").df()
    """
    engine = Engine()
    _open.append(engine)
    requested = Range(_moment(since), _moment(until))
    records = Records(engine=engine, interval_seconds=interval_seconds, pairs=symbols or (), range=requested)
    if table is not None and not symbols:
        raise UsageError('a table is read by pair: give symbols, such as ["BTCUSDT"]')
    if table is None:
        table = []
    addresses = table if isinstance(table, list) else [table]
    records.load([str(source) for source in sources], [open_table(address) for address in addresses])
    return engine.connection.sql("SELECT * FROM records").set_alias("records")


class Records(msgspec.Struct, kw_only=True):
    """Reads sources into an engine as two views, which `choice.create_views` describes: `records` and `samples`."""

    engine: Engine
    pairs: Sequence[str] = ()
    range: Range = Range()
    now: float = 0.0
    interval_seconds: int | None = None
    columns: Sequence[str] | None = None  # that the question needs; None: all, computed when they are used
    with_reasons: bool = False
    is_table: bool = False
    description: str = ""
    absent: list[str] = []  # requested pairs that have no record at any time
    failures: list[str] = []  # the sources, lines, rows and items that could not be read
    files: list[File] = []

    def load(self, names: Sequence[str], tables: "Sequence[Table]" = ()) -> None:
        """Read everything. Raises SourceError if nothing of it can be read."""
        files = self.engine.in_thread(lambda: find_files(names, self.engine.folder, self.failures))
        self.files = files + [self._lines_of(table) for table in tables]
        self.is_table = bool(tables)
        described = [*names, *(table.description for table in tables)]
        self.description = escaped(described[0]) if len(described) == 1 else f"{len(described)} sources"
        parts: dict[str, list[File]] = {}
        if texts := [file for file in self.files if file.kind != "parquet"]:
            columns = ["line"] if self.columns is None else self.columns
            parts["lines"], unread = read_lines(self.engine, texts, self.pairs, columns, self._within())
            self.failures += unread
        parquet = [file for file in self.files if file.kind == "parquet"]
        parts |= open_parquet(self.engine, parquet, self.pairs, self.failures)
        if not parts:
            raise SourceError("; ".join(self.failures) or "nothing to read: give a folder")
        create_views(self, parts)
        for failure in self.failures:
            log.error("%s", failure)

    @property
    def order(self) -> str:
        """SQL that sorts pairs as they were given, or by name."""
        return f"list_position([{', '.join(map(sql_literal, self.pairs))}], pair)" if self.pairs else "pair"

    def reads(self, path: str) -> bool:
        """Return True if this file is one of those that were read."""
        target = Path(path)
        return target.exists() and any(Path(file.path).samefile(target) for file in self.files)

    def warn_of_unknown_keys(self) -> None:
        """Say which keys of lines, written by a newer version, are no columns."""
        keys = "SELECT DISTINCT unnest(json_keys(line)) FROM records WHERE line IS NOT NULL ORDER BY ALL"
        if unknown := [key for (key,) in self.engine.rows(keys) if key not in Record.__struct_fields__]:
            log.warning("left out keys of a newer version: %s; update this program to keep them", ", ".join(unknown))

    def _lines_of(self, table: "Table") -> File:
        """Write the records of a table into a file of lines; leave out damaged items and name them in `failures`."""
        path, number = new_path(self.engine.folder), 0
        since = self.range.since or 0
        until = MAX_EPOCH_SECONDS if self.range.until is None else self.range.until

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
        """Return SQL that is true for the lines whose other columns may be used."""
        latest = None if self.range.until is None else self.range.until + MAX_INTERVAL_SECONDS
        within = Range(self.range.since, latest).sql("seconds")
        return within if self.with_reasons else f"has_data AND {within}"


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
