"""Valid records are read fast, and all to the same record or the same reason as otherwise."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import detailed_records, known, plain_records

from handler.errors import InvalidRecord
from handler.record import Record
from handler.stores.valid_records import record_from_line, record_from_values

VALUES: tuple[object, ...] = (
    None, True, "", "x", "x\n", "é" * 301, "\ud800", 0, 1, -1, 5001, 86_401, 2**63, 10**39, 0.5, 1.0, 1e-19, 1e38,
    -0.0, 1.5, float("nan"), [], {}, "2026-11-22T10:00:07Z", "2026-11-22T10:00:07Z\n", "2026-02-30T10:00:07Z",
    "1969-12-31T23:59:59Z",
    "2026-11-22T24:00:00Z", "2026-11-22T10:00:07.123Z", "2026-02-30T10:00:07.123Z", "2026-11-22T10:00:60Z",
)  # fmt: skip


OTHER_TYPES = (Decimal("0.5"), datetime(2026, 11, 22, tzinfo=UTC), b"BTCUSDT", 1j)
"""Values that columns of a Parquet file can have, and that are never converted."""


def outcome(read: Callable[[Any], Record], source: Any) -> str:
    """The record, or the reason why there is none."""
    try:
        return repr(read(source))
    except InvalidRecord as error:
        return str(error)


@given(plain_records | detailed_records, st.booleans())
def test_a_printed_line_is_read_as_it_always_was(record: Record, detail: bool) -> None:
    line = record.to_line(detail=detail)
    assert outcome(record_from_line, line) == outcome(Record.from_line, line)
    assert record_from_line(record.to_line(detail=True)) == record
    assert outcome(record_from_values, record._asdict()) == repr(record)


@pytest.mark.parametrize("key", Record._fields)
@pytest.mark.parametrize("bps", [None, 10])
def test_a_value_that_is_changed_is_accepted_or_rejected_as_it_always_was(key: str, bps: int | None) -> None:
    for value in VALUES:
        values = known(bps=bps, covered=bps and True, host="h").values(detail=True) | {key: value}
        line = json.dumps(values)
        assert outcome(record_from_line, line) == outcome(Record.from_line, line)
    for value in (*VALUES, *OTHER_TYPES):
        values = known(bps=bps, covered=bps and True, host="h")._asdict() | {key: value}
        assert outcome(record_from_values, values) == outcome(Record.from_values, values)


@given(detailed_records, st.data())
def test_a_line_that_is_cut_or_torn_is_rejected_as_it_always_was(record: Record, data: st.DataObject) -> None:
    line = record.to_line(detail=True)
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(line)), st.integers(0, len(line)))))
    for changed in (line[:end], line[:start] + line[end:], line + line):
        assert outcome(record_from_line, changed) == outcome(Record.from_line, changed)
