"""The archive chooses its days and events carefully, and a merge of a day with its former file loses no row."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.records import full, reason

from handler.archive.app import days_to_write, requested_day
from handler.archive.day import format_day, merge, parse_day
from handler.errors import UsageError
from handler.record import Record
from handler.slots import format_timestamp

NOON = parse_day("2026-11-28") + 12 * 3600


@pytest.mark.parametrize(
    ("event", "day", "replace"),
    [
        ({}, None, False),
        (None, None, False),
        ({"day": "2026-11-24"}, "2026-11-24", False),
        ({"day": "2026-11-24", "replace": True}, "2026-11-24", True),
        ({"day": "2026-11-27", "replace": False}, "2026-11-27", False),
    ],
)
def test_an_event_names_a_day_or_nothing(event: Any, day: str | None, replace: bool) -> None:
    assert requested_day(event, NOON) == (day, replace)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"day": "2026-11-28"}, "2026-11-28 is not over: send it after 2026-11-29T00:05:00Z"),
        ({"day": "2023-12-31"}, "2023-12-31 is before 2024-01-01"),
        ({"day": "yesterday"}, "the event is {'day': 'yesterday'}, and 'yesterdayT00:00:00Z' is not a time: send {}"),
        ({"day": "2026-11-24T00:00:00Z"}, "the event is {'day': '2026-11-24T00:00:00Z'}"),
        ({"day": 20261124}, "the event is {'day': 20261124}, and Expected `str`, got `int`"),
        ({"day": "2026-11-24", "replace": "yes"}, "the event is "),
        ({"day": "2026-11-24", "force": True}, "the event is "),
        ({"replace": True}, "the event is {'replace': True}"),
        ("2026-11-24", "the event is '2026-11-24'"),
    ],
)
def test_a_wrong_event_is_refused_with_the_right_one(event: Any, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        requested_day(event, NOON)
    assert str(refused.value).startswith(message)


def test_yesterday_comes_first_then_the_oldest_that_is_missing() -> None:
    assert days_to_write(NOON, ["2026-11-27", "2026-11-25", "2026-11-22"]) == [
        *("2026-11-27", "2026-11-21", "2026-11-23", "2026-11-24", "2026-11-26")
    ]
    assert days_to_write(NOON, map(format_day, range(NOON - 700_000, NOON, 3600))) == ["2026-11-27"]


def merged(folder: Path, table: Sequence[Record], former: Path | None = None) -> tuple[Path, list[tuple[Any, ...]]]:
    """The file of a pair's records and former file, and its rows: slot, timestamp, obi, reason."""
    parts = {"": ""} if former else {}
    merge(["BTCUSDT"], iter(table), former, parts, folder)
    part = parts["BTCUSDT"]
    columns = "strftime(slot, '%H:%M'), strftime(timestamp, '%H:%M:%S'), obi, reason"
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        return Path(part), duck.execute(f"SELECT {columns} FROM read_parquet('{part}')").fetchall()


def at(seconds: int, obi: float | None) -> Record:
    """A measurement, or a reason, of a moment of the day."""
    timestamp = format_timestamp(parse_day("2026-11-24") + seconds)
    return reason(timestamp=timestamp) if obi is None else full(timestamp=timestamp, obi=obi)


moments = st.integers(0, 600)
records = st.dictionaries(moments, st.none() | st.sampled_from([-0.5, 0.0, 0.25]), min_size=1).map(
    lambda drawn: {second // 60: at(second, obi) for second, obi in sorted(drawn.items())}
)


@settings(max_examples=6)
@given(former=records, table=records)
def test_merge(former: dict[int, Record], table: dict[int, Record]) -> None:
    """No slot is lost, the first measurement of each wins, whatever expired, came late, or became a reason."""
    with TemporaryDirectory() as name:
        file, before = merged(Path(name), [*former.values()])
        _, after = merged(Path(name), [*table.values()], file)
    assert [row[0] for row in before] == [f"00:{slot:02}" for slot in sorted(former)]
    expected = []
    for slot in sorted(former.keys() | table.keys()):
        found = [records[slot] for records in (table, former) if slot in records]
        best = min(found, key=lambda record: (record.reason is not None, record.timestamp))
        expected.append((f"00:{slot:02}", best.timestamp[11:19], None if best.reason else best.obi, best.reason))
    assert after == expected
