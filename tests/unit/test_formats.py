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

from handler.cli.formats import COLUMNS, DETAIL_COLUMNS, FORMATS, ROWS_PER_TABLE
from handler.errors import UsageError
from handler.record import KEYS, Record

some_records = st.lists(detailed_records, max_size=4)


def written(name: str, records: list[Record], *, detail: bool = False) -> list[str]:
    lines: list[str] = []
    FORMATS[name](records, lines.append, detail=detail)
    return lines


@given(some_records, st.booleans())
def test_lines_of_json_read_back_as_the_records(records: list[Record], detail: bool) -> None:
    again = [Record.from_line(line) for line in written("jsonl", records, detail=detail)]
    assert again == (records if detail else [Record(*one[:6]) for one in records])


@given(some_records, st.booleans())
def test_csv_reads_back_as_the_same_text_under_the_keys(records: list[Record], detail: bool) -> None:
    text = "\n".join(written("csv", records, detail=detail))
    keys = Record._fields if detail else KEYS
    heading, *rows = csv.reader(io.StringIO(text, newline=""))
    assert heading == list(keys)
    assert rows == [["" if value is None else str(value) for value in one[: len(keys)]] for one in records]


@given(some_records.filter(bool), st.booleans())
def test_a_table_takes_any_record(records: list[Record], detail: bool) -> None:
    (text,) = written("table", records, detail=detail)
    assert len(text.splitlines()) >= 1 + len(records)


def test_an_empty_range_is_an_empty_output_but_for_the_heading_of_csv() -> None:
    assert {name: written(name, []) for name in FORMATS} == {"jsonl": [], "csv": [",".join(KEYS)], "table": []}


def test_a_table_has_units_signs_and_a_dash_for_what_is_unknown() -> None:
    one = record(obi=-0.5, notional_bid=1234567.891, mid=90123.45, spread_bps=0.0123, host="[fe80::1]:80")
    (text,) = written("table", [one], detail=True)
    heading, row = text.splitlines()
    units = [*COLUMNS.values(), *DETAIL_COLUMNS.values()]
    assert [title for title, *_ in units if title not in heading] == []
    assert row.split() == [
        *("2024-01-01", "00:00:07", "BTCUSDT", "5", "-0.5000", "1,234,567.89", "3.00"),
        *("90,123.45", "0.012", "–", "–", "–", "–", "[fe80::1]:80"),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_records_are_taken_as_they_are_written(name: str) -> None:
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
        FORMATS[name](endless(), write, detail=False)
    assert len(taken) <= 2 * ROWS_PER_TABLE


def test_a_long_table_is_aligned_in_parts_each_with_its_heading() -> None:
    parts = written("table", [record(minute) for minute in range(ROWS_PER_TABLE + 1)])
    assert [len(part.splitlines()) for part in parts] == [ROWS_PER_TABLE + 1, 2]


def test_without_rich_a_table_is_refused_with_the_line_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(UsageError, match="pip install rich"):
        written("table", [record()])
