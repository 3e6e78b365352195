"""Every format holds the same records, whatever their values are."""

import csv
import io
import sys
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archive import record
from support.records import detailed_records

from handler.cli.formats import COLUMNS, FORMATS, ROWS_PER_TABLE, Columns
from handler.errors import UsageError
from handler.record import DEFAULT_MARKET, DETAIL_KEYS, KEYS, SAMPLE_KEYS, Record

some_records = st.lists(detailed_records, max_size=4)


def columns(records: list[Record], *, detail: bool) -> Columns:
    return Columns.of_records(
        distances=any(record.bps for record in records),
        other_markets=any(record.market != DEFAULT_MARKET for record in records),
        detail=detail,
    )


def written(name: str, records: list[Record], *, detail: bool = False) -> list[str]:
    lines: list[str] = []
    FORMATS[name](records, lines.append, columns(records, detail=detail))
    return lines


@given(some_records, st.booleans())
def test_json_lines(records: list[Record], detail: bool) -> None:
    """JSON lines read back as the records."""
    again = [Record.from_line(line) for line in written("jsonl", records, detail=detail)]
    assert again == (records if detail else [Record(*one.sample) for one in records])


@given(some_records, st.booleans())
def test_csv(records: list[Record], detail: bool) -> None:
    """CSV reads back as the same text under the keys."""
    text = "\n".join(written("csv", records, detail=detail))
    heading, *rows = csv.reader(io.StringIO(text, newline=""))
    assert set(KEYS) <= set(heading) <= set(Record._fields if detail else SAMPLE_KEYS)
    assert set(heading) >= set(DETAIL_KEYS if detail else ())
    texts = {None: "", True: "true", False: "false"}
    assert rows == [
        [texts[value] if isinstance(value, bool | None) else str(value) for value in map(one._asdict().get, heading)]
        for one in records
    ]


@given(some_records.filter(bool), st.booleans())
def test_table_of_any_record(records: list[Record], detail: bool) -> None:
    """A table takes any record."""
    (text,) = written("table", records, detail=detail)
    assert len(text.splitlines()) >= 1 + len(records)


def test_empty_range() -> None:
    """An empty range is an empty output, but for the heading of CSV."""
    assert {name: written(name, []) for name in FORMATS} == {"jsonl": [], "csv": [",".join(KEYS)], "table": []}


def test_table() -> None:
    """A table has units, signs, and a dash for what is unknown."""
    one = record(obi=-0.5, notional_bid=1234567.891, mid=90123.45, spread_bps=0.0123, host="[fe80::1]:80")
    (text,) = written("table", [one], detail=True)
    heading, row = text.splitlines()
    titles = {title for key, (title, *_) in COLUMNS.items() if key not in ("bps", "covered")}
    assert [title for title in titles if title not in heading] == []
    assert row.split() == [
        *("2024-01-01", "00:00:07", "BTCUSDT", "spot", "5", "-0.5000", "1,234,567.89", "3.00"),
        *("90,123.45", "0.012", "–", "–", "–", "–", "[fe80::1]:80"),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_streaming(name: str) -> None:
    """Records are taken one at a time, as they are written."""
    taken: list[int] = []

    def endless() -> Iterator[Record]:
        for minute in count():
            taken.append(minute)
            yield record(minute)

    lines: list[str] = []

    def write(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        FORMATS[name](endless(), write, columns([], detail=False))
    assert len(taken) <= 2 * ROWS_PER_TABLE


def test_long_table() -> None:
    """A long table is aligned in parts, each with its heading."""
    parts = written("table", [record(minute) for minute in range(ROWS_PER_TABLE + 1)])
    assert [len(part.splitlines()) for part in parts] == [ROWS_PER_TABLE + 1, 2]


def test_table_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rich a table is refused, with the line to install it."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(UsageError, match="pip install rich"):
        written("table", [record()])
