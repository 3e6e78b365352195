"""Record ⇄ JSON line ⇄ DynamoDB item. Pure: no HTTP, no clock, no AWS."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self, get_args

from handler.errors import InvalidRecord, InvalidTimestamp
from handler.slots import format_timestamp, parse_timestamp, slot_start

compact_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Every JSON line of this program is written by this one."""

Item = dict[str, dict[str, str]]
"""A DynamoDB item as the low-level client sends and receives it, `{"obi": {"N": "0.5"}, …}`."""


class Record(NamedTuple):
    """One measurement of one book: six keys that are always there, then the detail keys, None where unknown.

    Amounts are in the quote asset, distances in basis points of the mid price. A new detail key is one line here and
    one in `book.Measurement`.
    """

    timestamp: str  # UTC, whole seconds, when the book arrived
    symbol: str
    obi: float
    notional_bid: float
    notional_ask: float
    levels: int
    obi_quantity: float | None = None
    best_bid: float | None = None
    best_ask: float | None = None
    mid: float | None = None
    spread_bps: float | None = None
    levels_bid: int | None = None
    levels_ask: int | None = None
    reach_bid_bps: float | None = None
    reach_ask_bps: float | None = None
    last_update_id: int | None = None
    host: str | None = None
    latency_ms: float | None = None

    @property
    def has_data(self) -> bool:
        """False for a line that only says that nothing could be measured. Such a record is never stored."""
        return bool(self.notional_bid or self.notional_ask)

    def values(self, *, detail: bool) -> dict[str, Any]:
        """The record as key → value, in order, with or without the detail keys."""
        return dict(zip(self._fields if detail else KEYS, self, strict=False))

    def to_line(self, *, detail: bool) -> str:
        """The record as one line of JSON, without the line end."""
        return compact_json(self.values(detail=detail))

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read what `to_line` wrote. Raises InvalidRecord."""
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidRecord(f"not JSON: {error}") from error
        if not isinstance(values, dict):
            raise InvalidRecord("not a JSON object")
        return cls._checked(values, MAX_TEXT_LENGTH)

    def to_item(self, interval_seconds: int, retention_days: int = 0) -> Item:
        """The record as a table item: its keys, its values, and when it expires (0 days: never).

        Numbers are the printed text, so that what is stored is the same decimal; what is unknown is left out.
        """
        slot = slot_start(parse_timestamp(self.timestamp), interval_seconds)
        item: Item = {"series": {"S": series(self.symbol, self.levels)}, "slot": {"S": format_timestamp(slot)}}
        for key, value in zip(self._fields, self, strict=True):
            if value is not None:
                item[key] = {"S": value} if isinstance(value, str) else {"N": repr(value)}
        if retention_days:
            item["expires_at"] = {"N": repr(slot + retention_days * 86_400)}
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Mapping[str, Any]]) -> Self:
        """Read what `to_item` made, or a projection of it that holds the six keys. Raises InvalidRecord.

        A value of another type than `to_item` writes is never converted; {"NULL": true} is None.
        """
        try:
            values = {key: _item_value(key, item[key]) for key in cls._fields if key in item}
            return cls._checked(values, max_text=float("inf"))  # what is stored was not too long to store
        except InvalidRecord as error:
            raise InvalidRecord(f"invalid item: {error}") from error

    @classmethod
    def _checked(cls, values: dict[str, Any], max_text: float) -> Self:
        if strangers := values.keys() - set(cls._fields):
            raise InvalidRecord(f"{min(strangers)} is no key of a record")
        record = cls(*(_checked_value(key, values.get(key), max_text) for key in cls._fields))
        if abs(record.obi) > 1 or min(record.notional_bid, record.notional_ask) < 0 or record.levels < 1:
            raise InvalidRecord("obi is outside [-1, 1], an amount is negative, or there are no levels")
        if not record.symbol:
            raise InvalidRecord("symbol is empty")
        try:
            parse_timestamp(record.timestamp)
        except InvalidTimestamp as error:
            raise InvalidRecord(f"timestamp {error}") from error
        return record


KEYS = Record._fields[:6]
"""The keys that every record has, in their order."""

MAX_TEXT_LENGTH = 300
MIN_NUMBER, MAX_NUMBER = 1e-18, 1e38
"""What a record can hold, and a table too: DynamoDB refuses longer keys and numbers of more than 38 digits."""

_TYPES = {key: (get_args(hint) or (hint,))[0] for key, hint in Record.__annotations__.items()}
_KINDS = {str: "text", int: "whole number", float: "number"}


def _checked_value(key: str, value: Any, max_text: float) -> Any:
    kind = _TYPES[key]
    if value is None and key not in KEYS:
        return None
    if kind is float and type(value) is int and abs(value) < MAX_NUMBER:
        value = float(value)
    if type(value) is not kind or not (_is_sane_text(value, max_text) if kind is str else _is_sane_number(value)):
        raise InvalidRecord(f"{key} is {value!r:.100}, not a {_KINDS[kind]}")
    return value


_ITEM_TYPES = {
    str: ("S", re.compile("").match),  # any text
    int: ("N", re.compile(r"-?[0-9]{1,38}").fullmatch),
    float: ("N", re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch),
}
"""What a value is in an item: its DynamoDB type and its text. Python's own `float` would take 1_0 and nan too."""
_ITEM_KEYS = {key: (kind, *_ITEM_TYPES[kind]) for key, kind in _TYPES.items()}


def _item_value(key: str, attribute: Mapping[str, Any]) -> Any:
    """Read an attribute such as {"N": "0.5"}. Raises InvalidRecord if its type is not that of the key."""
    kind, item_type, is_valid = _ITEM_KEYS[key]
    text = attribute.get(item_type)
    if type(text) is str and len(attribute) == 1 and is_valid(text):
        return kind(text)
    if attribute == {"NULL": True} and attribute["NULL"] is True:
        return None
    raise InvalidRecord(f"{key} is {attribute!r:.100}, not a {_KINDS[kind]}")


def _is_sane_text(text: str, max_text: float) -> bool:
    return len(text) <= max_text and text.isprintable()


def _is_sane_number(value: float) -> bool:
    return value == 0 or MIN_NUMBER <= abs(value) < MAX_NUMBER  # false for NaN


def no_data(timestamp: str, symbol: str, levels: int) -> Record:
    """The line that stands for a book that could not be measured: both notionals are 0."""
    return Record(timestamp, symbol, 0.0, 0.0, 0.0, levels)


def series(symbol: str, levels: int) -> str:
    """The partition key: 5- and 20-level samples of one minute are different data."""
    return f"{symbol}#{levels}"
