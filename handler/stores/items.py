"""Record ⇄ DynamoDB item, and whether a response is DynamoDB's. Pure: no AWS client."""

import re
from collections.abc import Mapping
from typing import Any

from handler.errors import InvalidRecord, InvalidResponse
from handler.record import KEYS, TYPE_NAMES, VALUE_TYPES, Record, series
from handler.slots import format_timestamp, parse_timestamp, slot_start

Item = dict[str, dict[str, str]]
"""An item as the low-level client sends and receives it, `{"obi": {"N": "0.5"}, …}`."""

_FORMATS = {
    str: ("S", re.compile("").match),  # any text
    int: ("N", re.compile(r"-?[0-9]{1,38}").fullmatch),
    float: ("N", re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch),
}
"""DynamoDB's type of a value, and the text that it may be. Python's own `float` would take 1_0 and nan too."""


def item_from_record(record: Record, interval_seconds: int, retention_days: int = 0) -> Item:
    """The item of a record: its keys, its values, and when it expires (0 days: never).

    Numbers are the printed text, so that what is stored is the same decimal; what is unknown is left out.
    """
    slot = slot_start(parse_timestamp(record.timestamp), interval_seconds)
    item: Item = {"series": {"S": series(record.symbol, record.levels)}, "slot": {"S": format_timestamp(slot)}}
    for key, value in zip(record._fields, record, strict=True):
        if value is not None:
            item[key] = {"S": value} if isinstance(value, str) else {"N": repr(value)}
    if retention_days:
        item["expires_at"] = {"N": repr(slot + retention_days * 86_400)}
    return item


def record_from_item(item: Mapping[str, Mapping[str, Any]]) -> Record:
    """Read what `item_from_record` made, or a projection of it with the six keys. Raises InvalidRecord.

    A value of another type is never converted; {"NULL": true} is None.
    """
    try:
        values = {key: _value(key, item[key]) for key in Record._fields if key in item}
        return Record.from_values(values, max_text_length=None)  # what is stored was not too long to store
    except InvalidRecord as error:
        raise InvalidRecord(f"invalid item: {error}") from error


def holds_sample(item: Mapping[str, Mapping[str, Any]], record: Record) -> bool:
    """Whether an item, or a projection of it with the six keys, is the measurement that a record is."""
    try:
        return record_from_item({key: item[key] for key in KEYS if key in item})[: len(KEYS)] == record[: len(KEYS)]
    except InvalidRecord:
        return False


def holds_record(item: Mapping[str, Mapping[str, Any]], record: Record) -> bool:
    """Whether an item is the one that this record became. DynamoDB returns numbers as other text, without zeros."""
    try:
        return record_from_item(item) == record
    except InvalidRecord:
        return False


def _value(key: str, attribute: Mapping[str, Any]) -> Any:
    """Read an attribute such as {"N": "0.5"}. Raises InvalidRecord if its type is not that of the key."""
    value_type = VALUE_TYPES[key]
    attribute_type, is_valid = _FORMATS[value_type]
    text = attribute.get(attribute_type)
    if type(text) is str and len(attribute) == 1 and is_valid(text):
        return value_type(text)
    if attribute == {"NULL": True} and attribute["NULL"] is True:
        return None
    raise InvalidRecord(f"{key} is {attribute!r:.100}, not a {TYPE_NAMES[value_type]}")


def check_response(parsed: Any, http_response: Any, **_: Any) -> None:
    """Raise InvalidResponse for a page with status 200 that is not DynamoDB's. For botocore's event after-call."""
    if "RequestId" not in parsed["ResponseMetadata"] and not http_response.content.lstrip().startswith(b"{"):
        raise InvalidResponse("the response has no request ID and is not a JSON object")
