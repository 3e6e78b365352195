"""A Parquet file has every record, typed, in the order and the row groups given, and the same bytes every time."""

import io
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import detailed_records, known

from handler.errors import InvalidRecord
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores import parquet
from handler.stores.parquet import row_groups, write_records
from handler.stores.store import SlotRecord

SLOT = "2026-11-22T10:00:00Z"


def written(groups: Iterable[Iterable[SlotRecord]]) -> bytes:
    file = io.BytesIO()
    write_records(file, groups)
    return file.getvalue()


def read(content: bytes) -> list[dict[str, Any]]:
    """The rows, times as texts."""
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    for row in rows:
        for key in ("slot", "timestamp", "received_at", "exchange_time"):
            if time := row[key]:
                row[key] = time.isoformat(timespec="milliseconds" if "_" in key else "seconds").replace("+00:00", "Z")
    return rows


def test_schema() -> None:
    """The columns are series, slot and the record's keys: UTC times, doubles, 64-bit integers, booleans, texts."""
    types = dict(zip(parquet.SCHEMA.names, map(str, parquet.SCHEMA.types), strict=True))
    assert list(types) == ["series", "slot", *Record._fields]
    times = {"slot", "timestamp", "received_at", "exchange_time"}
    counts = {"levels", "bps", "levels_bid", "levels_ask", "last_update_id", "interval_seconds"}
    texts = {"series", "symbol", "market", "host"}
    assert {key for key, name in types.items() if name == "timestamp[ms, tz=UTC]"} == times
    assert {key for key, name in types.items() if name == "int64"} == counts
    assert {key for key, name in types.items() if name == "string"} == texts
    assert {key for key, name in types.items() if name == "bool"} == {"covered"}
    assert {key for key, name in types.items() if name == "double"} == types.keys() - times - counts - texts - {
        "covered"
    }


@given(st.lists(st.lists(detailed_records, max_size=4), max_size=4))
def test_values(groups: Sequence[Sequence[Record]]) -> None:
    """What is read is what was written, value by value, in the order given, and deterministically."""
    rows = [[(SLOT, record) for record in group] for group in groups]
    content = written(rows)
    assert read(content) == [
        {"series": record.series.key, "slot": SLOT} | record._asdict() for record in chain(*groups)
    ]
    assert written(map(iter, rows)) == content


def test_row_groups() -> None:
    """Each group that has records is one row group, however long, and its statistics tell its series."""
    eth = known(symbol="ETHUSDT")
    content = written([[(SLOT, known())] * (parquet.ROWS_PER_BATCH + 1), [], [(SLOT, eth)]])
    metadata = pq.read_metadata(io.BytesIO(content))
    found = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert [group.num_rows for group in found] == [parquet.ROWS_PER_BATCH + 1, 1]
    assert [group.column(0).statistics.min for group in found] == ["BTCUSDT#5", "ETHUSDT#5"]


def test_encodings() -> None:
    """ZSTD everywhere; dictionaries for texts and small integers, not for prices, times and update ids."""
    group = pq.read_metadata(io.BytesIO(written([[(SLOT, known())]]))).row_group(0)
    columns = {(column := group.column(n)).path_in_schema: column for n in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert {key for key, column in columns.items() if "RLE_DICTIONARY" in column.encodings} == {
        *("series", "symbol", "market", "host"),
        *("levels", "bps", "levels_bid", "levels_ask", "interval_seconds"),
    }


@pytest.mark.parametrize("number", [0, 1, 5])
def test_row_groups_of_a_stream(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A stream is cut into groups of ROWS_PER_ROW_GROUP, and read no further than a group needs."""
    monkeypatch.setattr(parquet, "ROWS_PER_ROW_GROUP", 2)
    rows = iter(range(number))
    assert [list(group) for group in row_groups(rows)] == [list(range(number))[n : n + 2] for n in range(0, number, 2)]
    rows = iter(range(5))
    assert list(next(row_groups(rows))) == [0, 1]
    assert next(rows) == 2


def test_no_records() -> None:
    """Without records the file has the columns and no row."""
    table = pq.read_table(io.BytesIO(written([])))
    assert (table.num_rows, table.schema.names) == (0, parquet.SCHEMA.names)


def test_too_large() -> None:
    """An integer of more than 64 bits, which a table can hold, is an error that says so."""
    with pytest.raises(InvalidRecord, match="a value of last_update_id does not fit into a column of type int64"):
        written([[(SLOT, known(last_update_id=2**63))]])


def test_constant_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many records take the same memory."""
    monkeypatch.setattr(parquet, "ROWS_PER_ROW_GROUP", 100)
    monkeypatch.setattr(parquet, "ROWS_PER_BATCH", 50)

    def peak(count: int) -> int:
        rows = ((format_timestamp(60 * minute), known(last_update_id=minute)) for minute in range(count))
        tracemalloc.start()
        try:
            with Path(os.devnull).open("wb") as file:
                write_records(file, row_groups(rows))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(3000) < 2 * peak(300)


def test_without_pyarrow() -> None:
    """One sentence says what to install."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from handler.errors import UsageError\n"
        "try:\n    import handler.stores.parquet\n"
        "except UsageError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "Parquet needs the package pyarrow: run pip install pyarrow\n"
