"""Records out of CSV whose heading names the keys of a record, among any other columns. Pure."""

import csv
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from handler.errors import InvalidRecord
from handler.record import KEYS, VALUE_TYPES, Record

_COLUMNS = ",".join(KEYS)
_FIRST_COLUMNS, _, _OTHER_COLUMNS = _COLUMNS.partition("notional_bid")
EMBEDDED_COLUMNS = rf"{_OTHER_COLUMNS} (?: ,[a-z_]{{1,50}} ){{0,99}}"
_ROW_AFTER_YEAR = r"""-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z
    (?: , (?: [^,"\\\s] | \\{1,128}u[0-9a-fA-F]{4} ){0,400}+ ){5,99}"""
EMBEDDED_ROW = f"19[0-9]{{2}} {_ROW_AFTER_YEAR} | 2[0-9]{{3}} {_ROW_AFTER_YEAR}"
r"""CSV as `history` prints it, inside JSON strings, where `\n` ends a row, or behind a prefix: what follows
`notional_bid` in its heading, and a row. Patterns in the verbose syntax."""
_ESCAPED = re.compile(r"\\+(u[0-9a-fA-F]{4})")


def heading_of(line: str) -> list[str] | None:
    """The columns of a line that names all keys that every record has; None for any other line."""
    if "notional_bid" not in line or not all(key in line for key in KEYS):
        return None
    row = _row(line)
    return row if set(KEYS) <= set(row) else None


def record_of(
    line: str, heading: Sequence[str], on_unknown_key: Callable[[str], object]
) -> Record | InvalidRecord | None:
    """The record in a line below this heading; None if the line is not a row of it or has none of the keys.

    `on_unknown_key` as in `Record.from_values`, if the heading is that of a printed record.
    """
    row = _row(line)
    if len(row) != len(heading) or row == list(heading):
        return None
    texts = {key: text for key, text in zip(heading, row, strict=True) if text}
    if not texts.keys() & set(KEYS):
        return None
    if tuple(heading[: len(KEYS)]) == KEYS and (unknown := texts.keys() - set(Record._fields)):
        on_unknown_key(min(unknown))
    try:
        return Record.from_values({key: _value(key, text) for key, text in texts.items() if key in Record._fields})
    except (ValueError, RecursionError) as error:
        return InvalidRecord(f"not a number: {error}")
    except InvalidRecord as error:
        return error


def embedded_heading(text: str, notional_bid: int, end: int) -> list[str]:
    """The columns of an embedded heading of which `notional_bid` begins here; none if it has others before that."""
    is_whole = text.endswith(_FIRST_COLUMNS, 0, notional_bid)
    return text[notional_bid - len(_FIRST_COLUMNS) : end].split(",") if is_whole else []


def unescaped(row: str) -> str:
    r"""An embedded row without the `\u5e01` that JSON strings have for a character, however deep they are nested."""
    escaped = _ESCAPED.sub(r"\\\1", row)
    return str(json.loads(f'"{escaped}"'))


def _row(line: str) -> list[str]:
    try:
        return next(csv.reader([line.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")]), [])
    except csv.Error:
        return []


def _value(key: str, text: str) -> Any:
    return text if VALUE_TYPES[key] is str else json.loads(text)
