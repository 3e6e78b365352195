"""One JSON object that stands somewhere in a text, quoted or not, and the record that it is. Pure."""

import json
from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

from handler.errors import InvalidRecord
from handler.record import KEYS, Record
from handler.stores.quoting import unquote

MAX_CHARACTERS = 2**16
"""A record with all keys takes 600, and 10,000 in 5 JSON strings inside each other. What is longer is none."""
_MAX_CONSTANT = len("-Infinity")

_decoder = json.JSONDecoder()


class CutOff(Exception):
    """The text ends before the object does."""


def read_object(text: str, start: int, key_end: int, layers: tuple[str, ...]) -> tuple[dict[str, Any], int]:
    """The object that starts here, quoted in these layers, with a key that ends at `key_end`; and where it ends.

    Raises CutOff, or ValueError or RecursionError if it is not JSON.
    """
    brace = text.find("}", key_end, start + MAX_CHARACTERS) + 1
    if brace:  # most end here: they hold no other object
        with suppress(ValueError, RecursionError):
            return json.loads(unquote(text[start:brace], layers).text), brace
    content, is_complete = unquote(text[start : start + MAX_CHARACTERS], layers)
    try:
        values, length = _decoder.raw_decode(content)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(content) - _MAX_CONSTANT or error.msg.startswith("Unterminated")
        if at_end and not is_complete:
            raise CutOff from error
        raise
    ends = range(start, min(len(text), start + MAX_CHARACTERS) + 1)
    return values, ends[bisect_left(ends, length, key=lambda end: len(unquote(text[start:end], layers).text))]


def record_of(values: dict[str, Any], on_unknown_key: Callable[[str], object]) -> Record | InvalidRecord | None:
    """The record that an object is, without keys that no record has; None if it is something else.

    `on_unknown_key` as in `Record.from_values`, if the object begins like a printed record: other keys are those of
    what wrote the log.
    """
    known = values.keys() & set(Record._fields)
    is_measured = bool(known & {"obi", "notional_bid", "notional_ask"})
    if "symbol" not in known or not (is_measured or ("timestamp" in known and len(known) == len(values))):
        return None
    begins_like_printed = tuple(islice(values, len(KEYS))) == KEYS
    try:
        return Record.from_values(values, on_unknown_key if begins_like_printed else None)
    except InvalidRecord as error:
        return error
