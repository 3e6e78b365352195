"""What is printed is what is stored is what is read back."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import detail_keys, detailed_records, known, six_keys

from handler.errors import InvalidRecord
from handler.record import KEYS, Record, no_data, series
from handler.stores.items import item_from_record, record_from_item


def test_a_record_is_six_keys_in_order_on_one_compact_line() -> None:
    assert known(host="x").to_line(detail=False) == (
        '{"timestamp":"2026-11-22T10:00:07Z","symbol":"BTCUSDT","obi":0.153847,'
        '"notional_bid":150000.5,"notional_ask":110000.25,"levels":5}'
    )


def test_the_detail_keys_follow_the_six_and_unknown_ones_are_null() -> None:
    values = json.loads(known(host="x", mid=0.5).to_line(detail=True))
    assert tuple(values)[:6] == KEYS
    assert (values["host"], values["mid"], values["spread_bps"]) == ("x", 0.5, None)
    assert set(values) == {*six_keys, *detail_keys}


@given(detailed_records, st.booleans())
def test_a_line_reads_back_as_the_record_and_prints_as_the_same_line(record: Record, detail: bool) -> None:
    line = record.to_line(detail=detail)
    assert "\n" not in line
    assert Record.from_line(line).to_line(detail=detail) == line
    assert Record.from_line(line) == (record if detail else Record(*record[:6]))


@given(detailed_records, st.integers(1, 86_400), st.integers(0, 3650))
def test_an_item_reads_back_as_the_record(record: Record, interval_seconds: int, retention_days: int) -> None:
    assert record_from_item(item_from_record(record, interval_seconds, retention_days)) == record


@given(detailed_records)
def test_the_number_stored_is_the_decimal_that_was_printed(record: Record) -> None:
    item = item_from_record(record, 60)
    printed = json.loads(record.to_line(detail=True), parse_float=Decimal, parse_int=Decimal)
    numbers = {key: Decimal(value["N"]) for key, value in item.items() if "N" in value}
    assert numbers == {key: value for key, value in printed.items() if isinstance(value, Decimal)}


def test_an_item_is_keyed_by_series_and_slot_and_expires_by_its_slot() -> None:
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
        {"mood": "good"},
    ],
)
def test_a_line_with_a_value_that_no_record_has_is_invalid(change: dict[str, object]) -> None:
    with pytest.raises(InvalidRecord):
        Record.from_line(json.dumps(known().values(detail=True) | change))


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"obi":NaN}', "[" * 100_000, '{"timestamp":"2026-'])
def test_a_line_that_is_no_record_is_invalid(line: str) -> None:
    with pytest.raises(InvalidRecord):
        Record.from_line(line)


def test_whole_amounts_written_without_a_point_are_amounts() -> None:
    line = known().to_line(detail=False).replace("150000.5", "150000")
    assert Record.from_line(line).to_line(detail=False) == line.replace("150000", "150000.0")


def test_both_notionals_zero_means_no_data() -> None:
    assert not no_data("2026-11-22T10:00:00Z", "BTCUSDT", 5).has_data
    assert known(notional_bid=0.0, obi=-1.0).has_data


def test_a_series_is_a_pair_at_a_depth() -> None:
    assert series("BTCUSDT", 20) == "BTCUSDT#20"


def item_with(**attributes: object) -> dict[str, Any]:
    return {**item_from_record(known(mid=0.5, levels_bid=5, host="x"), 60), **attributes}


@pytest.mark.parametrize("key", sorted(detail_keys))
def test_null_in_an_item_is_unknown(key: str) -> None:
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
def test_an_attribute_of_another_type_makes_an_item_invalid(key: str, attribute: dict[str, Any]) -> None:
    """It is never converted to what it might mean."""
    with pytest.raises(InvalidRecord, match=f"^invalid item: {key} is "):
        record_from_item(item_with(**{key: attribute}))


@pytest.mark.parametrize("key", KEYS)
def test_null_or_nothing_for_one_of_the_six_keys_makes_an_item_invalid(key: str) -> None:
    item = item_with()
    for invalid in (item | {key: {"NULL": True}}, {name: item[name] for name in item if name != key}):
        with pytest.raises(InvalidRecord, match=f"^invalid item: {key} is "):
            record_from_item(invalid)


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("key", ["obi", "notional_bid", "levels", "mid", "levels_bid"])
def test_a_number_that_is_not_written_as_one_makes_an_item_invalid(key: str, text: str) -> None:
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
def test_a_value_that_no_record_has_makes_an_item_invalid(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match=r"^invalid item: "):
        record_from_item(item_with(**change))


def test_numbers_are_read_however_dynamodb_writes_them() -> None:
    item = item_with(notional_bid={"N": "1.5E+3"}, mid={"N": "1E-7"}, obi={"N": "-0.10"})
    assert record_from_item(item)[2:4] == (-0.1, 1500.0)
    assert record_from_item(item).mid == 1e-7
