r"""How a record is quoted inside JSON strings and CSV fields, in any order. Pure.

The characters that stand for one quote say it all: `\"` is a JSON string, `""` a CSV field, `\\\"` a JSON string inside
another, `\""` a JSON string inside a CSV field.
"""

import json
import re
from functools import lru_cache
from typing import NamedTuple

MAX_LAYERS = 8
"""JSON strings and CSV fields around one record."""
MAX_QUOTE_CHARACTERS = 2**MAX_LAYERS
"""One `"` becomes so long when every layer doubles it."""

_JSON_CONTENT = re.compile(r'(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_CSV_CONTENT = re.compile(r'(?:[^"]++|"")*+')
_CSV_QUOTES = re.compile(r'(?:[^"]*"")+')
_MAX_ESCAPE = len(r"\u0041")

JSON, CSV = "JSON", "CSV"


class Unquoted(NamedTuple):
    """The text without its quoting; `is_complete`: the string or field ended in it, so that nothing can follow."""

    text: str
    is_complete: bool


@lru_cache(maxsize=64)
def layers_of(quote: str) -> tuple[str, ...]:
    """The layers that make `quote` of a `"`, the outermost first. Raises ValueError if none do, or too many."""
    layers: list[str] = []
    while quote != '"':
        if len(layers) == MAX_LAYERS:
            raise ValueError(f"more than {MAX_LAYERS} strings inside each other")
        layers.append(CSV if _CSV_QUOTES.fullmatch(quote) else JSON)
        quote = quote.replace('""', '"') if layers[-1] is CSV else json.loads(f'"{quote}"')
    return tuple(layers)


def unquote(text: str, layers: tuple[str, ...]) -> Unquoted:
    """Text that begins inside these layers, without them, up to where the first of them ends. Raises ValueError."""
    is_complete = False
    for layer in layers:
        match = (_CSV_CONTENT if layer is CSV else _JSON_CONTENT).match(text)
        content = match[0] if match else ""
        left = text[len(content) :]
        is_complete |= len(left) > _MAX_ESCAPE or (layer is JSON and left.startswith('"'))
        text = content.replace('""', '"') if layer is CSV else json.loads(f'"{content}"', strict=False)
    return Unquoted(text, is_complete)
