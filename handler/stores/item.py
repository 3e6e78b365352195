"""Record ⇄ DynamoDB item, and the packed book of an item. No AWS client; docs/record.md describes the format."""

import zlib
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import accumulate, pairwise
from typing import Any

import msgspec

from ..book import Levels
from ..errors import InvalidRecord
from ..record import Record, decimal_text
from ..slots import DAY_SECONDS, format_timestamp

Item = dict[str, dict[str, Any]]  # as the low-level client sends and receives it: {"obi": {"N": "0.5"}, …}
AnyItem = Mapping[str, Mapping[str, Any]]

BOOK_FORMAT = 1  # the first byte of a packed book

_KEYS = tuple(key for key in Record.__struct_fields__ if key not in ("bids", "asks"))
_NO_DATA_KEYS = ("obi", "notional_bid", "notional_ask")  # 0 in the line of a reason, absent in its item
_NO_MEASUREMENT = "attribute_not_exists(pair) OR attribute_not_exists(obi)"  # an item without obi is a reason
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])

_Side = list[int] | None
_book_decoder = msgspec.json.Decoder(tuple[int, int, _Side, _Side])


def item_from_record(record: Record, default_interval_seconds: int, retention_days: int = 0) -> Item:
    """Return the item of a record: its table keys, its values that are not null, and its expiry (0 days: none).

    The default interval is for a record without its own. The text of a number is its `repr`.
    """
    slot = record.slot(default_interval_seconds)
    item: Item = {"pair": {"S": record.pair}, "slot": {"S": format_timestamp(slot)}}
    for key in _KEYS:
        if (value := getattr(record, key)) is not None:
            item[key] = _attribute(value)
    if record.reason is not None:
        for key in _NO_DATA_KEYS:
            del item[key]
    if record.bids is not None or record.asks is not None:
        item["book"] = {"B": pack_book(record.bids, record.asks)}
    if retention_days:
        item["expires_at"] = {"N": str(slot + retention_days * DAY_SECONDS)}
    return item


def put_condition(item: Item) -> dict[str, Any]:
    """Return the parameters of a put that keeps the first measurement of a slot.

    A measurement replaces a reason, and a full record the plain one of the same sample. A reason replaces nothing.
    """
    if "obi" not in item:
        return {"ConditionExpression": "attribute_not_exists(pair)"}
    if "book" not in item:
        return {"ConditionExpression": _NO_MEASUREMENT}
    return {
        "ConditionExpression": f"{_NO_MEASUREMENT} OR (#timestamp = :timestamp AND attribute_not_exists(book))",
        "ExpressionAttributeNames": {"#timestamp": "timestamp"},
        "ExpressionAttributeValues": {":timestamp": item["timestamp"]},
    }


def _attribute(value: str | float | list[float]) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [{"N": repr(number)} for number in value]}
    return {"N": repr(value)}


def record_from_item(item: AnyItem) -> Record:
    """Read what `item_from_record` made; what is not a key of records is left out. Raises InvalidRecord.

    DynamoDB returns numbers as other text, without zeros and exponents: compare records, never items.
    """
    values = {key: _value(key, item[key]) for key in _KEYS if key in item}
    if values.get("reason") is not None:
        values = dict.fromkeys(_NO_DATA_KEYS, 0.0) | values
    if (book := _value("book", item.get("book", {"NULL": True}))) is not None:
        values["bids"], values["asks"] = unpack_book(book)
    return Record.from_values({key: value for key, value in values.items() if value is not None})


def has_expired(item: AnyItem, now: float) -> bool:
    """Return True if `expires_at` is a time in the past: not 0, which is no time, nor null or text."""
    text = item.get("expires_at", {}).get("N")
    try:
        return text is not None and 0 < float(text) <= now
    except ValueError:
        return False


def pack_book(bids: Levels | None, asks: Levels | None) -> bytes:
    """Pack the levels of both sides, best first; None is a side that is not known.

    A byte 1, then zlib over JSON, `[price places, quantity places, bids, asks]`. A side is a flat list: the best price,
    its quantity, then for each further level the step away from the level before it, and the quantity; all of them
    integers, times 10^places.
    """
    levels = [*(bids or ()), *(asks or ())]
    places = _places(price for price, _ in levels), _places(quantity for _, quantity in levels)
    sides = [_flat_side(bids, *places, -1), _flat_side(asks, *places, 1)]
    return bytes([BOOK_FORMAT]) + zlib.compress(msgspec.json.encode([*places, *sides]), 9)


def unpack_book(packed: bytes) -> tuple[Levels | None, Levels | None]:
    """Return the bids and asks that `pack_book` packed. Raises InvalidRecord."""
    if not isinstance(packed, bytes) or packed[:1] != bytes([BOOK_FORMAT]):
        raise InvalidRecord(f"book is {packed!r:.60}, which is not of format {BOOK_FORMAT}: a newer version reads it")
    try:
        price_places, quantity_places, bids, asks = _book_decoder.decode(zlib.decompress(packed[1:]))
        return _levels(bids, price_places, quantity_places, -1), _levels(asks, price_places, quantity_places, 1)
    except (zlib.error, ValueError, ArithmeticError) as error:
        raise InvalidRecord(f"book is damaged: {error}") from error


def _places(numbers: Iterable[Decimal]) -> int:
    return max((len(decimal_text(number).partition(".")[2]) for number in numbers), default=0)


def _flat_side(levels: Levels | None, price_places: int, quantity_places: int, outward: int) -> _Side:
    if levels is None:
        return None
    prices = [int(price.scaleb(price_places, _EXACT)) for price, _ in levels]
    steps = [*prices[:1], *(outward * (price - last) for last, price in pairwise(prices))]
    quantities = [int(quantity.scaleb(quantity_places, _EXACT)) for _, quantity in levels]
    return [number for level in zip(steps, quantities, strict=True) for number in level]


def _levels(flat: _Side, price_places: int, quantity_places: int, outward: int) -> Levels | None:
    if flat is None:
        return None
    steps = [*flat[:1], *(outward * step for step in flat[2::2])]
    return [
        (Decimal(f"{price}e-{price_places}"), Decimal(f"{quantity}e-{quantity_places}"))
        for price, quantity in zip(accumulate(steps), flat[1::2], strict=True)
    ]


def _value(key: str, attribute: Mapping[str, Any]) -> Any:
    """Read an attribute such as {"N": "0.5"}; the type is checked with the key, by Record. Raises InvalidRecord."""
    try:
        ((kind, value),) = attribute.items()
        if kind == "N":
            return int(value) if value.isdecimal() else float(value)
        if kind == "L":
            return [_value(key, each) for each in value]
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidRecord(f"{key} is {attribute!r:.100}: not an attribute of a record") from error
    return None if kind == "NULL" else value
