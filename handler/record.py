"""Record ⇄ JSON line. Pure: no HTTP, no clock, no AWS."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self, get_args

from handler.errors import InvalidRecord, InvalidTimestamp
from handler.slots import parse_timestamp

compact_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Writes every JSON line of this program."""

MAX_TEXT_LENGTH = 300
MIN_NUMBER, MAX_NUMBER = 1e-18, 1e38
"""What a record can hold, and a table too: DynamoDB rejects longer keys and numbers of more than 38 digits."""


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
        """False if nothing could be measured. Such a record is printed but never stored."""
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
        return cls.from_values(values)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], max_text_length: int | None = MAX_TEXT_LENGTH) -> Self:
        """Check the values of a record's keys. Raises InvalidRecord."""
        if unknown := values.keys() - set(cls._fields):
            raise InvalidRecord(f"{min(unknown)} is not a key of a record")
        record = cls(*(_checked_value(key, values.get(key), max_text_length) for key in cls._fields))
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

VALUE_TYPES = {key: (get_args(hint) or (hint,))[0] for key, hint in Record.__annotations__.items()}
"""Key → str, int or float."""
TYPE_NAMES = {str: "text", int: "whole number", float: "number"}


def _checked_value(key: str, value: Any, max_text_length: int | None) -> Any:
    value_type = VALUE_TYPES[key]
    if value is None and key not in KEYS:
        return None
    if value_type is float and type(value) is int and abs(value) < MAX_NUMBER:
        value = float(value)
    is_valid = type(value) is value_type and (
        _is_valid_text(value, max_text_length) if value_type is str else _is_valid_number(value)
    )
    if not is_valid:
        raise InvalidRecord(f"{key} is {value!r:.100}, not a {TYPE_NAMES[value_type]}")
    return value


def _is_valid_text(text: str, max_length: int | None) -> bool:
    return text.isprintable() and (max_length is None or len(text) <= max_length)


def _is_valid_number(value: float) -> bool:
    return value == 0 or MIN_NUMBER <= abs(value) < MAX_NUMBER  # false for NaN


def no_data(timestamp: str, symbol: str, levels: int) -> Record:
    """The record of a book that could not be measured: both notionals are 0."""
    return Record(timestamp, symbol, 0.0, 0.0, 0.0, levels)


def series(symbol: str, levels: int) -> str:
    """The partition key: 5- and 20-level samples of one minute are different data."""
    return f"{symbol}#{levels}"
