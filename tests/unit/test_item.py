"""A record becomes one item of at most one write unit, and comes back from it as the same line."""

import re
import subprocess
import sys
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import any_records, levels, recorded_like

from handler.errors import InvalidRecord
from handler.record import Pair, Record, no_data
from handler.stores.item import AnyItem, Item, has_expired, item_from_record, pack_book, record_from_item, unpack_book

PLAIN = Record("2026-11-22T10:00:07Z", "BTCUSDT", 0.153847, 150000.5, 110000.25, 5)

[CODE] = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs/record.md").read_text(), re.DOTALL)
_names: dict[str, Any] = {}
exec(CODE, _names)
DECODER = _names["unpack_book"]


def item_bytes(item: AnyItem) -> int:
    """Size by DynamoDB's rules: names and values; two digits a byte; a list takes 3 bytes, each element one more."""
    return sum(len(name.encode()) + value_bytes(attribute) for name, attribute in item.items())


def value_bytes(attribute: Any) -> int:
    [(kind, value)] = attribute.items()
    if kind == "S":
        return len(value.encode())
    if kind == "B":
        return len(value)
    if kind == "L":
        return 3 + sum(1 + value_bytes(element) for element in value)
    whole, _, fraction = f"{abs(Decimal(value)):f}".partition(".")
    digits = (whole if len(whole) % 2 == 0 else f"0{whole}") + (fraction if len(fraction) % 2 == 0 else f"{fraction}0")
    pairs = len(re.sub("^(00)+|(00)+$", "", digits)) // 2
    return 1 + pairs + bool(value.startswith("-"))


def test_recorded_books() -> None:
    """Each item fits into one write unit, with an expiry and the longest names there are, and gives its line back."""
    lines = [recorded_like(seed).to_line() for seed in range(200)]
    items = [item_from_record(Record.from_line(line), 60, 365) for line in lines]
    assert [record_from_item(item).to_line() for item in items] == lines
    assert max(map(item_bytes, items)) <= 1024


def as_dynamodb_returns(attribute: Any) -> Any:
    """An attribute as DynamoDB returns it: numbers as other text, without zeros and exponent."""
    ((kind, value),) = attribute.items()
    if kind == "L":
        return {"L": [as_dynamodb_returns(element) for element in value]}
    if kind != "N":
        return attribute
    text = f"{Decimal(value):f}"
    return {"N": (text.rstrip("0").rstrip(".") if "." in text else text) or "0"}


@given(any_records, st.integers(1, 86_400), st.integers(0, 3650))
def test_round_trip(record: Record, interval_seconds: int, retention_days: int) -> None:
    """Whatever the kind of record, its line comes back, and the item is recognized as the one that was sent."""
    item = item_from_record(record, interval_seconds, retention_days)
    returned = {key: as_dynamodb_returns(attribute) for key, attribute in item.items()}
    assert record_from_item(returned).to_line() == Record.from_line(record.to_line()).to_line() == record.to_line()
    assert record_from_item(returned) == record
    assert ("expires_at" in item) == (retention_days > 0)


def test_attributes() -> None:
    """A plain record's item, and a reason's: without what it cannot know, and without obi."""
    assert item_from_record(PLAIN, 60, 30) == {
        "pair": {"S": "BTCUSDT"},
        "slot": {"S": "2026-11-22T10:00:00Z"},
        "timestamp": {"S": "2026-11-22T10:00:07Z"},
        "symbol": {"S": "BTCUSDT"},
        "obi": {"N": "0.153847"},
        "notional_bid": {"N": "150000.5"},
        "notional_ask": {"N": "110000.25"},
        "levels": {"N": "5"},
        "market": {"S": "spot"},
        "expires_at": {"N": str(1_795_341_600 + 30 * 86_400)},
    }
    reason = no_data("2026-11-22T10:00:10Z", Pair("BTCUSDT", "usdm"), 5, 10, "timeout")
    assert item_from_record(reason, 60) == {
        "pair": {"S": "usdm:BTCUSDT"},
        "slot": {"S": "2026-11-22T10:00:10Z"},
        "timestamp": {"S": "2026-11-22T10:00:10Z"},
        "symbol": {"S": "BTCUSDT"},
        "levels": {"N": "5"},
        "market": {"S": "usdm"},
        "interval_seconds": {"N": "10"},
        "reason": {"S": "timeout"},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"obi": {"S": "much"}}, "obi is 'much'"),
        ({"levels": {"N": "x"}}, "levels is {'N': 'x'}"),
        ({"symbol": {"BOOL": True}}, "symbol is True"),
        ({"timestamp": {"S": "today"}}, "timestamp is 'today'"),
        ({"interval_seconds": {"N": "60"}, "notional_bid_within": {"L": ["x"]}}, "notional_bid_within is"),
        *(({"book": newer}, "a newer version") for newer in ({"B": b"\2x"}, {"N": "1"})),
        *(({"book": {"B": bad}}, "book is damaged") for bad in (b"\1x", b"\1" + zlib.compress(b"[0,0,[1],null]"))),
        ({"book": {"B": b"\1" + zlib.compress(b"[1000000000,0,[1,1],null]")}}, "bids is"),
    ],
    ids=str,
)
def test_damaged_item(change: Item, message: str) -> None:
    """It is refused with the attribute and its value, and never taken for the record that was sent."""
    item = item_from_record(PLAIN, 60) | change
    with pytest.raises(InvalidRecord, match=re.escape(message)):
        record_from_item(item)


def test_attributes_of_a_newer_version() -> None:
    """They are left out, and null is absent."""
    nulls = {key: {"NULL": True} for key in ("host", "book")}
    assert record_from_item(item_from_record(PLAIN, 60) | nulls | {"mood": {"M": {}}, "levels": {"N": "5.0"}}) == PLAIN


@pytest.mark.parametrize(
    ("attribute", "expired"),
    [({"N": "999.5"}, True), ({"N": "1001"}, False), *((odd, False) for odd in ({"N": "0"}, {"S": "1"}, {}))],
)
def test_expiry(attribute: dict[str, Any], expired: bool) -> None:
    """Only a number in the past hides an item."""
    assert has_expired({"expires_at": attribute}, 1000.0) is expired
    assert not has_expired({}, 1000.0)


@given(st.none() | levels, st.none() | levels)
def test_documented_decoder(bids: Any, asks: Any) -> None:
    """The decoder of docs/record.md, which needs the standard library only, reads what is packed."""
    assert DECODER(pack_book(bids, asks)) == unpack_book(pack_book(bids, asks)) == (bids, asks)


def test_documented_decoder_is_short_and_needs_nothing() -> None:
    """It has at most 20 lines, and runs in an interpreter without this package."""
    assert len(CODE.splitlines()) <= 20
    program = f"{CODE}\nprint(unpack_book({pack_book([(Decimal('63999.5'), Decimal('0.12'))], [])!r}))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "([(Decimal('63999.5'), Decimal('0.12'))], [])\n"
