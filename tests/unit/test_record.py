"""What is printed is what is stored is what is read back."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import detail_keys, detailed_records, known, six_keys

from handler.errors import InvalidRecord
from handler.record import DEFAULT_MARKET, KEYS, Depth, Record, Series, no_data
from handler.slots import parse_timestamp
from handler.stores.items import Item, holds_record, holds_sample, item_from_record, record_from_item

PREVIOUS_VERSION = Path(__file__).parents[1] / "fixtures" / "version_0_1_0.jsonl"
"""What version 0.1.0 printed, with and without detail."""


def test_line() -> None:
    """A record is six keys, in order, on one compact line."""
    assert known(host="x").to_line(detail=False) == (
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","obi":0.153847,'
        '"notional_bid":150000.5,"notional_ask":110000.25,"levels":5}'
    )


def test_detail_line() -> None:
    """The detail keys follow the six, and unknown ones are null."""
    values = json.loads(known(host="x", mid=0.5).to_line(detail=True))
    assert tuple(values)[:6] == KEYS
    assert (values["host"], values["mid"], values["spread_bps"]) == ("x", 0.5, None)
    assert set(values) == {*six_keys, "market", *detail_keys}


@given(detailed_records, st.booleans())
def test_line_round_trip(record: Record, detail: bool) -> None:
    """A line reads back as the record and prints as the same line."""
    line = record.to_line(detail=detail)
    assert "\n" not in line
    assert Record.from_line(line).to_line(detail=detail) == line
    assert Record.from_line(line) == (record if detail else Record(*record.sample))


@given(detailed_records, st.integers(1, 86_400), st.integers(0, 3650))
def test_item_round_trip(record: Record, interval_seconds: int, retention_days: int) -> None:
    """An item reads back as the record."""
    assert record_from_item(item_from_record(record, interval_seconds, retention_days)) == record


def without_zeros(item: Item) -> Item:
    """An item as DynamoDB returns it: every number as another text, without zeros and exponent."""
    return {
        key: {"N": f"{Decimal(value['N']).normalize():f}"} if "N" in value else value for key, value in item.items()
    }


@given(detailed_records)
def test_item_without_zeros(record: Record) -> None:
    """An item that DynamoDB returns is recognized as the one that was sent, though its numbers are other text."""
    item = without_zeros(item_from_record(record, 60))
    assert holds_record(item, record)
    assert holds_sample(item, record)


def test_item_of_another_record() -> None:
    """150000.0 comes back as 150000, 1.234e-05 as 0.00001234. One other value makes it another record."""
    record = known(notional_bid=150000.0, spread_bps=1.234e-05)
    item = without_zeros(item_from_record(record, 60))
    assert (item["notional_bid"], item["spread_bps"]) == ({"N": "150000"}, {"N": "0.00001234"})
    assert holds_record(item, record)
    assert not holds_record(item | {"spread_bps": {"N": "0.00001235"}}, record)
    assert not holds_record(item | {"spread_bps": {"N": "x"}}, record)


@given(detailed_records)
def test_stored_numbers(record: Record) -> None:
    """The number stored is the decimal that was printed."""
    item = item_from_record(record, 60)
    printed = json.loads(record.to_line(detail=True), parse_float=Decimal, parse_int=Decimal)
    numbers = {key: Decimal(value["N"]) for key, value in item.items() if "N" in value}
    assert numbers == {key: value for key, value in printed.items() if isinstance(value, Decimal)}


def test_item_keys() -> None:
    """An item is keyed by series and slot, and expires so many days after its slot."""
    item = item_from_record(known(timestamp="2026-11-22T10:00:59Z"), 60, 30)
    assert (item["series"], item["slot"]) == ({"S": "BTCUSDT#5"}, {"S": "2026-11-22T10:00:00Z"})
    assert item["expires_at"] == {"N": "1797933600"}  # 2026-12-22T10:00:00Z
    assert "expires_at" not in item_from_record(known(), 60)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-11-22T10:00:00+00:00"},
        {"timestamp": "2026-11-22"},
        {"timestamp": "yesterday"},
        {"timestamp": 1795341600},
        {"symbol": None},
        {"symbol": ""},
        {"obi": 1.5},
        {"obi": "0.1"},
        {"obi": True},
        {"notional_bid": -1.0},
        {"levels": 0},
        {"levels": 5.5},
        {"host": 5},
        {"bps": 0},
        {"bps": 5001},
        {"bps": 10.0},
        {"covered": True},
        {"bps": 10, "covered": 1},
        {"bps": 10, "covered": "true"},
        {"market": ""},
        {"market": 5},
        {"received_at": "2026-11-22T10:00:00Z"},
        {"received_at": "2026-11-22T10:00:00.1234Z"},
        {"exchange_time": 1795341600123},
        {"interval_seconds": 0},
        {"interval_seconds": 86_401},
    ],
)
def test_invalid_value_in_line(change: dict[str, object]) -> None:
    """A line with a value that no record has is invalid."""
    with pytest.raises(InvalidRecord):
        Record.from_line(json.dumps(known().values(detail=True) | change))


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"obi":NaN}', "[" * 100_000, '{"timestamp":"2026-'])
def test_invalid_line(line: str) -> None:
    """A line that is not a record is invalid."""
    with pytest.raises(InvalidRecord):
        Record.from_line(line)


def test_whole_amount() -> None:
    """Whole amounts without a decimal point are amounts."""
    line = known().to_line(detail=False).replace("150000.5", "150000")
    assert Record.from_line(line).to_line(detail=False) == line.replace("150000", "150000.0")


def test_has_data() -> None:
    """Both notionals 0 means no data."""
    assert not no_data("2026-11-22T10:00:00Z", "BTCUSDT", Depth(5)).has_data
    assert known(notional_bid=0.0, obi=-1.0).has_data


@pytest.mark.parametrize(
    ("covered", "has_data"),
    [(True, True), (False, True), (None, False)],
)
def test_has_data_within_a_distance(covered: bool | None, has_data: bool) -> None:
    """Within a distance, nothing is a measurement, and `covered` tells it from no data."""
    assert known(obi=0.0, notional_bid=0.0, notional_ask=0.0, bps=10, covered=covered).has_data is has_data


def test_no_data_within_a_distance() -> None:
    """A line without data within a distance has `covered` null."""
    line = no_data("2026-11-22T10:00:00Z", "BTCUSDT", Depth(1000, 10), "usdm").to_line(detail=False)
    assert line.endswith('"notional_ask":0.0,"levels":1000,"bps":10,"covered":null,"market":"usdm"}')


@pytest.mark.parametrize(
    ("series", "key"),
    [
        (Series("BTCUSDT", 20), "BTCUSDT#20"),
        (Series("BTCUSDT", None, 10), "BTCUSDT@10bps"),
        (Series("BTCUSDT", 5, market="usdm"), "usdm:BTCUSDT#5"),
        (Series("BTCUSDT_261225", None, 50, "usdm"), "usdm:BTCUSDT_261225@50bps"),
    ],
)
def test_series(series: Series, key: str) -> None:
    """A series is a pair of a market at a depth."""
    assert series.key == key


def test_series_within_a_distance() -> None:
    """All records within a distance are one series, whatever limit was requested."""
    records = [known(levels=levels, bps=10, covered=True) for levels in (500, 1000)]
    assert {record.series for record in records} == {Series("BTCUSDT", None, 10)}


def test_own_interval() -> None:
    """The slot of a record is that of its own interval; the default is for one without."""
    assert known(interval_seconds=5).slot(60) == known().slot(5) == parse_timestamp("2026-11-22T10:00:05Z")
    assert known().slot(60) == parse_timestamp("2026-11-22T10:00:00Z")


def test_newer_version() -> None:
    """A key of a newer version is left out and reported, and the record is read."""
    unknown: list[str] = []
    line = json.dumps(known().values(detail=True) | {"mood": "good"})
    assert Record.from_line(line, unknown.append) == known()
    assert unknown == ["mood"]


def test_older_version() -> None:
    """A line of the version without market, distance and interval is read, and printed with them as unknown."""
    for line in PREVIOUS_VERSION.read_text(encoding="utf-8").splitlines():
        record = Record.from_line(line)
        assert (record.market, record.bps, record.interval_seconds) == (DEFAULT_MARKET, None, None)
        assert record.values(detail=True).items() >= json.loads(line).items()


def item_with(**attributes: object) -> dict[str, Any]:
    return {**item_from_record(known(mid=0.5, levels_bid=5, host="x"), 60), **attributes}


@pytest.mark.parametrize("key", sorted(detail_keys))
def test_null_attribute(key: str) -> None:
    """As some restore and migration tools write what is unknown."""
    assert getattr(record_from_item(item_with(**{key: {"NULL": True}})), key) is None


WRONG_ATTRIBUTES = [
    {"BOOL": True},
    {"BOOL": False},
    {"B": b"1"},
    {"L": [{"N": "1"}]},
    {"L": []},
    {"M": {"N": {"N": "1"}}},
    {"M": {}},
    {"SS": ["x"]},
    {"NS": ["1"]},
    {"NULL": False},
    {"NULL": "true"},
    {"NULL": 1},
    {},
]
NO_NUMBERS = [
    "",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "1_0",
    "0x1",
    "NaN",
    "nan",
    "Infinity",
    "-inf",
    "1e400",
    "1e-400x",
    "٣",
    "1,5",
]


@pytest.mark.parametrize("attribute", WRONG_ATTRIBUTES, ids=str)
@pytest.mark.parametrize("key", ["symbol", "obi", "levels", "host", "mid", "levels_bid"])
def test_attribute_type(key: str, attribute: dict[str, Any]) -> None:
    """It is never converted to what it might mean."""
    with pytest.raises(InvalidRecord, match=f"^invalid item: {key} is "):
        record_from_item(item_with(**{key: attribute}))


@pytest.mark.parametrize("key", KEYS)
def test_missing_key(key: str) -> None:
    """Null or nothing for one of the six keys makes an item invalid."""
    item = item_with()
    for invalid in (item | {key: {"NULL": True}}, {name: item[name] for name in item if name != key}):
        with pytest.raises(InvalidRecord, match=f"^invalid item: {key} is "):
            record_from_item(invalid)


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("key", ["obi", "notional_bid", "levels", "mid", "levels_bid"])
def test_invalid_number(key: str, text: str) -> None:
    """Python's own `float` and `int` take most of these."""
    with pytest.raises(InvalidRecord, match=r"^invalid item: "):
        record_from_item(item_with(**{key: {"N": text}}))


@pytest.mark.parametrize(
    "change",
    [
        {"levels": {"N": "5.5"}},
        {"levels": {"N": "0"}},
        {"levels": {"S": "5"}},
        {"obi": {"N": "1.5"}},
        {"obi": {"S": "0.1"}},
        {"obi": {"N": "0.1", "S": "0.1"}},
        {"obi": {"N": 0.1}},
        {"mid": {"S": "99.5"}},
        {"mid": {"N": "1", "NULL": True}},
        {"host": {"N": "5"}},
        {"host": {"S": "a\x1b[2J"}},
        {"symbol": {"S": ""}},
        {"notional_ask": {"N": "-1"}},
        {"timestamp": {"S": "yesterday"}},
        {"timestamp": {"N": "1795341600"}},
    ],
    ids=str,
)
def test_invalid_value_in_item(change: dict[str, Any]) -> None:
    """A value that no record has makes an item invalid."""
    with pytest.raises(InvalidRecord, match=r"^invalid item: "):
        record_from_item(item_with(**change))


def test_dynamodb_numbers() -> None:
    """Numbers are read however DynamoDB writes them."""
    item = item_with(notional_bid={"N": "1.5E+3"}, mid={"N": "1E-7"}, obi={"N": "-0.10"})
    assert record_from_item(item)[2:4] == (-0.1, 1500.0)
    assert record_from_item(item).mid == 1e-7
