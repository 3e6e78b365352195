"""The output formats of records. To add one: a function here and its name in FORMATS."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Literal, NamedTuple, Protocol, Self

from handler.cli import Write
from handler.cli.output import Formats, TextFormat
from handler.errors import UsageError
from handler.record import DETAIL_KEYS, KEYS, Record, compact_json
from handler.stores.store import COLUMN_TYPES, SlotRecord, column_values

ROWS_PER_TABLE = 500
"""Rows that are aligned with each other, under one heading; a longer table is written as several."""


class Columns(NamedTuple):
    """The keys that some of the records have, in their order; `detail`: with the detail keys."""

    keys: Sequence[str]
    detail: bool

    @classmethod
    def of_records(cls, *, distances: bool, other_markets: bool, detail: bool) -> Self:
        """The columns of records that may have a distance from mid, or another market than spot."""
        keys = set(KEYS)
        if distances:
            keys |= {"bps", "covered"}
        if other_markets:
            keys |= {"market"}
        if detail:
            keys |= set(DETAIL_KEYS)
        return cls([key for key in Record._fields if key in keys], detail)


class Format(Protocol):
    """Writes records, each as soon as it comes: a range may not fit into memory."""

    def __call__(self, records: Iterable[Record], write: Write, columns: Columns, /) -> None:
        """Write the columns of all records."""


def write_jsonl(records: Iterable[Record], write: Write, columns: Columns) -> None:
    """One JSON object per line, as the sampler prints them."""
    for record in records:
        write(record.to_line(detail=columns.detail))


def write_csv(records: Iterable[Record], write: Write, columns: Columns) -> None:
    """A heading, then one line per record with the same numbers; what is unknown is empty."""
    values = attrgetter(*columns.keys)
    write_csv_rows(chain([columns.keys], (map(_csv_value, values(record)) for record in records)), write)


def _csv_value(value: Any) -> Any:
    return compact_json(value) if isinstance(value, bool) else value


def write_csv_rows(rows: Iterable[Iterable[Any]], write: Write) -> None:
    """Each row as one line of CSV, None as an empty value."""
    csv.writer(_LineFile(write), lineterminator="").writerows(rows)


class _LineFile(NamedTuple):
    """What the csv module writes to: it writes a row at a time."""

    write: Write


def write_table(records: Iterable[Record], write: Write, columns: Columns) -> None:
    """Aligned columns with units, for people; in colour on a terminal. Raises UsageError if rich is not installed."""
    shown = {key: column for key, column in COLUMNS.items() if key in columns.keys}
    write_aligned(records, shown, write, unknown="–")


class Column(NamedTuple):
    """A column of an aligned table: its heading, and the text for a value."""

    heading: str
    text: Callable[[Any], str]
    justify: Literal["left", "right"] = "right"


def write_aligned(rows: Iterable[Any], columns: Mapping[str, Column], write: Write, *, unknown: str) -> None:
    """The named attributes of each row, aligned in tables of ROWS_PER_TABLE. Raises UsageError without rich."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        raise UsageError("--format table needs the package rich: run pip install rich") from None
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 400  # a pipe or a file has no edge to wrap at
    iterator = iter(rows)
    while part := list(islice(iterator, ROWS_PER_TABLE)):
        table = Table(box=None, pad_edge=False)
        for column in columns.values():
            table.add_column(column.heading, justify=column.justify, no_wrap=True)
        for row in part:
            values = ((getattr(row, name), column) for name, column in columns.items())
            table.add_row(*(unknown if value is None else column.text(value) for value, column in values))
        with console.capture() as text:
            console.print(table)
        write(text.get().rstrip("\n"))


def utc(timestamp: str) -> str:
    """A timestamp in a column whose heading says UTC: `2026-11-22 10:00:00`."""
    return timestamp.replace("T", " ").rstrip("Z")


def plain(text: str) -> str:
    """Text as it is: rich reads brackets, such as those of an IPv6 host, as markup."""
    return text.replace("[", r"\[")


def colored_imbalance(obi: float) -> str:
    """An imbalance with its sign, as markup of rich."""
    color = "green" if obi > 0 else "red" if obi < 0 else "default"
    return f"[{color}]{obi:+.4f}[/]"


COLUMNS = {
    "timestamp": Column("time (UTC)", utc, "left"),
    "symbol": Column("pair", plain, "left"),
    "market": Column("market", plain, "left"),
    "levels": Column("levels", str),
    "bps": Column("within (bps)", str),
    "covered": Column("covered", {True: "yes", False: "no"}.__getitem__),
    "obi": Column("OBI", colored_imbalance),
    "notional_bid": Column("bids (quote)", "{:,.2f}".format),
    "notional_ask": Column("asks (quote)", "{:,.2f}".format),
    "mid": Column("mid (quote)", "{:,}".format),
    "spread_bps": Column("spread (bps)", "{:.3f}".format),
    "reach_bid_bps": Column("bid reach (bps)", "{:.2f}".format),
    "reach_ask_bps": Column("ask reach (bps)", "{:.2f}".format),
    "obi_quantity": Column("OBI by quantity", "{:+.4f}".format),
    "latency_ms": Column("latency (ms)", "{:.1f}".format),
    "host": Column("host", plain, "left"),
}

FORMATS: dict[str, Format] = {"jsonl": write_jsonl, "csv": write_csv, "table": write_table}
"""The values of --format that are text."""


def record_formats(columns: Columns) -> Formats[SlotRecord]:
    """The formats of records, each with its slot. Parquet has the columns of detail too."""

    def text_format(write_records: Format) -> TextFormat[SlotRecord]:
        return lambda rows, write: write_records((record for _, record in rows), write, columns)

    texts = {name: text_format(write_records) for name, write_records in FORMATS.items()}
    return Formats(texts, COLUMN_TYPES, column_values)
