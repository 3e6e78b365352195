"""The ways to write records out. A new one is a function here and its name in FORMATS."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from handler.errors import UsageError
from handler.record import KEYS, Record

ROWS_A_TABLE = 500
"""Rows that are aligned with each other, under one heading; a long table is streamed in such pieces."""


def jsonl(records: Iterable[Record], *, detail: bool) -> Iterator[str]:
    """One JSON object per line, as the sampler prints them."""
    return (record.to_line(detail=detail) for record in records)


def csv_lines(records: Iterable[Record], *, detail: bool) -> Iterator[str]:
    """A heading, then one line per record with the same numbers; what is unknown is empty."""
    names = Record._fields if detail else KEYS
    return csv_rows(chain([names], (record[: len(names)] for record in records)))


def csv_rows(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Each row as a line of CSV, None as an empty value."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    for row in rows:
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def table_lines(records: Iterable[Record], *, detail: bool) -> Iterator[str]:
    """Aligned columns with units, for people; in colour on a terminal. Raises UsageError if rich is not installed."""
    return aligned(records, lambda rows: _table(rows, detail=detail))


def aligned(items: Iterable[Any], table: Callable[[list[Any]], Any]) -> Iterator[str]:
    """Items as the rich tables that `table` makes of up to ROWS_A_TABLE of them. Raises UsageError without rich."""
    try:
        from rich.console import Console
    except ImportError:
        raise UsageError("--format table needs the package rich: run pip install rich") from None
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 400  # a pipe has no edge to wrap at
    rest = iter(items)
    while rows := list(islice(rest, ROWS_A_TABLE)):
        with console.capture() as text:
            console.print(table(rows))
        yield text.get().rstrip("\n")


def _plain(text: str) -> str:
    """Text as it is: rich takes brackets, such as those of a host by IPv6, for its markup."""
    return text.replace("[", r"\[")


COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "timestamp": ("time (UTC)", lambda text: text.replace("T", " ").rstrip("Z")),
    "symbol": ("pair", _plain),
    "levels": ("levels", str),
    "obi": ("OBI", lambda obi: f"[{'green' if obi > 0 else 'red' if obi < 0 else 'default'}]{obi:+.4f}[/]"),
    "notional_bid": ("bids (quote)", "{:,.2f}".format),
    "notional_ask": ("asks (quote)", "{:,.2f}".format),
}
DETAIL_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "mid": ("mid (quote)", "{:,}".format),
    "spread_bps": ("spread (bps)", "{:.3f}".format),
    "reach_bid_bps": ("bid reach (bps)", "{:.2f}".format),
    "reach_ask_bps": ("ask reach (bps)", "{:.2f}".format),
    "obi_quantity": ("OBI by quantity", "{:+.4f}".format),
    "latency_ms": ("latency (ms)", "{:.1f}".format),
    "host": ("host", _plain),
}


def _table(rows: Iterable[Record], *, detail: bool) -> Any:
    from rich.table import Table

    columns = COLUMNS | DETAIL_COLUMNS if detail else COLUMNS
    table = Table(box=None, pad_edge=False)
    for key, (heading, _) in columns.items():
        table.add_column(heading, justify="left" if key in ("timestamp", "symbol", "host") else "right", no_wrap=True)
    for row in rows:
        values = ((getattr(row, key), text) for key, (_, text) in columns.items())
        table.add_row(*("–" if value is None else text(value) for value, text in values))
    return table


Format = Callable[..., Iterator[str]]

FORMATS: dict[str, Format] = {"jsonl": jsonl, "csv": csv_lines, "table": table_lines}
"""The values of --format."""
