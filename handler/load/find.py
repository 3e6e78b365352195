r"""Finds records in any text: logs, exports of logs, JSON or CSV around them, in any encoding or compression.

A record is one flat JSON object: the text between the `{` and `}` around `"notional_bid"`, with its quotes unescaped,
whatever surrounds it. Quotes may be escaped to any depth, `\"`, `\\\"`, `\u0022`, or doubled as in CSV. Base64 that
contains a record or gzip is decoded. Memory is bounded and time is linear, whatever the text is.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import groupby
from typing import NamedTuple

import msgspec

from ..errors import InvalidData, InvalidRecord
from ..record import Record
from .open import MAX_PIECE_BYTES, Piece, decompressed

MAX_CHUNK_BYTES = 2**23  # CloudWatch and Firehose make up to 1.4 million of base64

_PART = re.compile(rb"\{?[^{}]*\}?")
_MARK = re.compile(
    rb'notional_bid(?<=["2]notional_bid)(?:[\\"]|u0022|x22)++\s*+:'
    rb'|timestamp[\\"]++:[\\"]++[-0-9]{10}T[:0-9]{8}Z[\\"]++,[\\"]++symbol'  # it may be cut off before notional_bid
)
_BASE64 = re.compile(
    rb'(?:["\s]|u0022)(H4sI[A-Za-z0-9+/\\]{40,}+'  # gzip; else notional_bid at each of its three offsets
    rb"|[A-Za-z0-9+/\\]*?(?:bm90aW9uYWxfYmlk|5vdGlvbmFsX2Jp|ub3Rpb25hbF9iaW)[A-Za-z0-9+/\\]*+)"
)
_NUMBER = re.compile(rb'notional_bid(?:[\\"]|u0022|x22)++\s*+:\s*+([0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)')


class Found(NamedTuple):
    """A record, the line where it begins, and its text as one line of JSON; or what is invalid there."""

    line: int
    what: Record | InvalidData
    text: bytes = b""


class _Torn(InvalidRecord):
    """A record that is cut off or not flat; the whole record may stand beside it."""


def find_records(read: Callable[[], bytes]) -> Iterator[Found]:
    """Find the records of a stream: `read` gives the next bytes, and b"" at the end."""
    found = _find(decompressed(read))
    for _, same in groupby(found, key=_notional_bid):  # some log agents put the fields of a line beside the line
        torn, is_whole = None, False
        for one in same:
            if isinstance(one.what, _Torn):
                torn = one
            else:
                is_whole = True
                yield one
        if torn and not is_whole:
            yield torn


def _find(pieces: Iterable[Piece], *, is_base64: bool = False) -> Iterator[Found]:
    line = 1
    for chunk in _chunks(pieces):
        if isinstance(chunk, InvalidData):
            yield Found(line, chunk)
            continue
        text = as_utf8(chunk)
        if mark := _MARK.search(text):
            if not (text.startswith(b"{") and text.endswith(b"}")):
                begin = text.strip(b"{}")[:80].decode(errors="replace")
                torn = _Torn(f"a record that is cut off, or not flat: {begin!r}")
                yield Found(line + text.count(b"\n", 0, mark.start()), torn, text)
            elif b"notional_bid" in text:
                yield Found(line, *_read_record(text))
        elif not is_base64:
            for encoded in _BASE64.finditer(text):
                at = line + text.count(b"\n", 0, encoded.start(1))
                yield from (found._replace(line=at) for found in _find(_decoded(encoded[1]), is_base64=True))
        line += chunk.count(b"\n")


def _chunks(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Cut the text before each { and behind each }: a record is one chunk."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        if isinstance(piece, InvalidData):
            yield piece
            continue
        for part in _PART.findall(piece):
            if part.startswith(b"{") or size > MAX_CHUNK_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
            parts.append(part)
            size += len(part)
            if part.endswith(b"}"):
                yield b"".join(parts)
                parts, size = [], 0
    yield b"".join(parts)


def as_utf8(chunk: bytes) -> bytes:
    """Decode little-endian UTF-16, then remove zero bytes, which turns ASCII text of other encodings into ASCII."""
    if b"\0" not in chunk:
        return chunk
    text = chunk.lstrip(b"\0").rstrip(b"\0\r\n")
    if text[1::2].count(b"\0") > len(text) // 4:
        text = (text + b"\0" * (len(text) % 2)).decode("utf-16-le", "replace").encode()
    return text.replace(b"\0", b"")


def _decoded(encoded: bytes) -> Iterator[Piece]:
    data = encoded.replace(b"\\u002B", b"+").replace(b"\\", b"")
    data = data[: len(data) - (len(data) % 4 == 1)]
    file = BytesIO(base64.b64decode(data + b"=" * (-len(data) % 4)))
    return decompressed(lambda: file.read(MAX_PIECE_BYTES))


def _notional_bid(found: Found) -> object:
    """Return the number that a record and a part of it share; without one, an object that equals nothing."""
    number = _NUMBER.search(found.text)
    return float(number[1]) if number else object()


def _read_record(text: bytes) -> tuple[Record | InvalidRecord, bytes]:
    try:
        line = _unescaped(text.decode()).encode()
        return Record.from_line(line), msgspec.json.format(line, indent=-1)
    except UnicodeError:
        return InvalidRecord("bytes that are not UTF-8 text"), b""
    except InvalidRecord as error:
        return error, b""


def _unescaped(text: str) -> str:
    """Undo one layer of quoting after the other: the characters before the key say which. Raises InvalidRecord."""
    while True:
        before = text[: text.index("notional_bid")]
        quote = before[len(before.rstrip('\\"')) :]
        if quote == '"':
            return text
        if quote.endswith('""'):
            shorter = text.replace('""', '"')
        else:
            try:
                shorter = json.loads('"' + text.replace("\\x", "\\u00") + '"', strict=False)
            except ValueError:
                shorter = re.sub(r"\\(.)", r"\1", text)  # escapes of others than JSON
        if len(shorter) >= len(text) or "notional_bid" not in shorter:
            raise InvalidRecord(f"its quotes cannot be understood: {text[:80]!r}")
        text = shorter
