"""Records out of CSV whose heading names the keys of a record, among any other columns. Pure."""

import csv
import json
from typing import Any

from handler.errors import InvalidRecord
from handler.record import KEYS, VALUE_TYPES, Record


def heading_of(line: str) -> list[str] | None:
    """The columns of a line that names all keys that every record has; None for any other line."""
    if "notional_bid" not in line or not all(key in line for key in KEYS):
        return None
    row = _row(line)
    return row if set(KEYS) <= set(row) else None


def record_of(line: str, heading: list[str]) -> Record | InvalidRecord | None:
    """The record in a line below this heading; None if the line is not a row of it or has none of the keys."""
    row = _row(line)
    if len(row) != len(heading) or row == heading:
        return None
    texts = {key: text for key, text in zip(heading, row, strict=True) if key in Record._fields and text}
    if not texts.keys() & set(KEYS):
        return None
    try:
        return Record.from_values({key: _value(key, text) for key, text in texts.items()})
    except (ValueError, RecursionError) as error:
        return InvalidRecord(f"not a number: {error}")
    except InvalidRecord as error:
        return error


def _row(line: str) -> list[str]:
    try:
        return next(csv.reader([line.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")]), [])
    except csv.Error:
        return []


def _value(key: str, text: str) -> Any:
    return text if VALUE_TYPES[key] is str else json.loads(text)
