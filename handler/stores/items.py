"""Record ⇄ DynamoDB item, and whether a response is DynamoDB's. Pure: no AWS client."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handler.errors import InvalidRecord, InvalidResponse
from handler.record import SAMPLE_KEYS, TYPE_NAMES, VALUE_TYPES, Record
from handler.slots import format_timestamp

Item = dict[str, dict[str, Any]]
"""An item as the low-level client sends and receives it, `{"obi": {"N": "0.5"}, "covered": {"BOOL": True}, …}`."""

TABLE_KEYS = frozenset(("series", "slot", "expires_at"))
"""Attributes of an item that are not keys of its record."""

_FORMATS = {
    str: ("S", re.compile("").match),  # any text
    int: ("N", re.compile(r"-?[0-9]{1,38}").fullmatch),
    float: ("N", re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch),
}
"""DynamoDB's type of a value, and the text that it may be. Python's own `float` would take 1_0 and nan too."""


def item_from_record(record: Record, default_interval_seconds: int, retention_days: int = 0) -> Item:
    """The item of a record: its keys, its values, and when it expires (0 days: never).

    The default interval is for a record that does not have its own. Numbers are the printed text, so that what is
    stored is the same decimal; what is unknown is left out.
    """
    slot = record.slot(default_interval_seconds)
    item: Item = {"series": {"S": record.series.key}, "slot": {"S": format_timestamp(slot)}}
    for key, value in zip(record._fields, record, strict=True):
        if value is not None:
            item[key] = _attribute(value)
    if retention_days:
        item["expires_at"] = {"N": repr(slot + retention_days * 86_400)}
    return item


def _attribute(value: str | float | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"S": value} if isinstance(value, str) else {"N": repr(value)}


def record_from_item(
    item: Mapping[str, Mapping[str, Any]], on_unknown_key: Callable[[str], object] | None = None
) -> Record:
    """Read what `item_from_record` made, or a projection of it with the keys of a sample. Raises InvalidRecord.

    A value of another type is never converted; {"NULL": true} is None.
    """
    try:
        values = {
            key: _value(key, attribute) if key in VALUE_TYPES else None
            for key, attribute in item.items()
            if key not in TABLE_KEYS
        }
        return Record.from_values(values, on_unknown_key, max_text_length=None)  # it was short enough to be stored
    except InvalidRecord as error:
        raise InvalidRecord(f"invalid item: {error}") from error


def holds_sample(item: Mapping[str, Mapping[str, Any]], record: Record) -> bool:
    """Whether an item, or a projection of it with the keys of a sample, is the measurement that a record is."""
    try:
        return record_from_item({key: item[key] for key in SAMPLE_KEYS if key in item}).sample == record.sample
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
    if value_type is bool:
        if len(attribute) == 1 and type(value := attribute.get("BOOL")) is bool:
            return value
    else:
        attribute_type, is_valid = _FORMATS[value_type]
        text = attribute.get(attribute_type)
        if type(text) is str and len(attribute) == 1 and is_valid(text):
            return value_type(text)
    if attribute == {"NULL": True} and attribute["NULL"] is True:
        return None
    raise InvalidRecord(f"{key} is {attribute!r:.100}, not a {TYPE_NAMES[value_type]}")


def projection(keys: Sequence[str]) -> dict[str, Any]:
    """The part of a request that fetches only these keys; by aliases, since timestamp is a reserved word."""
    return {
        "ProjectionExpression": ", ".join(f"#{key}" for key in keys),
        "ExpressionAttributeNames": {f"#{key}": key for key in keys},
    }


def check_response(parsed: Any, http_response: Any, **_: Any) -> None:
    """Raise InvalidResponse for a page with status 200 that is not DynamoDB's. For botocore's event after-call."""
    if "RequestId" not in parsed["ResponseMetadata"] and not http_response.content.lstrip().startswith(b"{"):
        raise InvalidResponse("the response has no request ID and is not a JSON object")
