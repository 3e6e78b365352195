r"""Finds records in any text: logs, exports of logs, JSON or CSV around them, in any encoding or compression.

A record is one flat JSON object: the text between the `{` and `}` around `"notional_bid"`, with its quotes unescaped,
whatever surrounds it. Quotes may be escaped to any depth, `\"`, `\\\"`, `\u0022`, or doubled as in CSV. Base64 that
contains a record or gzip is decoded. Memory is bounded and time is linear, whatever the text is.
"""

import base64
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from io import BytesIO
from itertools import chain, groupby
from typing import NamedTuple

import msgspec

from ..errors import InvalidData, InvalidRecord
from ..record import Record
from .open import MAX_PIECE_BYTES, Piece, open_text

MAX_RECORD_BYTES = 2**17  # a full record has 2,000, and each layer of JSON doubles its backslashes
MAX_BASE64_BYTES = 2**23  # CloudWatch and Firehose make up to 1.4 million

_MARK = re.compile(
    rb'notional_bid(?<=["2]notional_bid)(?:[\\"]|u0022|x22)++\s*+:'
    rb'|timestamp[\\"]++:[\\"]++[-0-9]{10}T[:0-9]{8}Z[\\"]++,[\\"]++symbol'  # it may be cut off before notional_bid
    rb'|(?:["\s]|u0022)(?P<base64>H4sI[A-Za-z0-9+/\\]{40,}+'  # gzip; else notional_bid at each of its three offsets
    rb"|[A-Za-z0-9+/\\]*?(?:bm90aW9uYWxfYmlk|5vdGlvbmFsX2Jp|ub3Rpb25hbF9iaW)[A-Za-z0-9+/\\]*+)"
)
_NUMBER = re.compile(rb'notional_bid(?:[\\"]|u0022|x22)++\s*+:\s*+([0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)')
_BRACE = re.compile(rb"[{}]")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\\"


class Found(NamedTuple):
    """A record, the line where it begins, and its text as one line of JSON; or what is invalid there."""

    line: int
    what: Record | InvalidData
    text: bytes = b""


class _Torn(InvalidRecord):
    """A part of a record, or of a whole one that stands beside it."""


def find_records(read: Callable[[], bytes]) -> Iterator[Found]:
    """Find the records of a stream: `read` gives the next bytes, and b"" at the end."""
    found = _Window().find(open_text(read))
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


class _Window:
    """The text that is still looked at, and the line in which it begins."""

    def __init__(self, *, is_base64: bool = False) -> None:
        self._is_base64 = is_base64
        self._text = b""
        self._line = 1

    def find(self, pieces: Iterable[Piece]) -> Iterator[Found]:
        enough = 0
        for piece in chain(pieces, [None]):
            if isinstance(piece, InvalidData):
                yield Found(self._line, piece)
                continue
            self._text += piece or b""
            if piece is None or len(self._text) >= enough:
                done = yield from self._scan(is_end=piece is None)
                self._text = self._text[done:]
                enough = 2 * len(self._text) if len(self._text) > MAX_RECORD_BYTES else 0  # so that time is linear

    def _scan(self, *, is_end: bool) -> Generator[Found, None, int]:
        """Look at the text; returns the position from which to look at it again."""
        text, done, counted = self._text, 0, 0
        while mark := _MARK.search(text, done):
            if mark["base64"]:
                limit, look_at, (start, end) = MAX_BASE64_BYTES, self._in_base64, mark.span("base64")
            else:
                limit, look_at, (start, end) = MAX_RECORD_BYTES, self._in_braces, _braces_around(text, mark, done)
            if end == len(text) and text[-1] != ord("}") and not is_end and end - start < limit:
                break  # its end has not come yet
            self._line += text.count(b"\n", counted, start)
            done, counted = end, start
            yield from look_at(text[start:end])
        kept = len(text) if is_end else max(done, _start_of_rest(text))
        self._line += text.count(b"\n", counted, kept)
        return kept

    def _in_braces(self, text: bytes) -> Iterator[Found]:
        if not (text.startswith(b"{") and text.endswith(b"}")):
            begin = text.strip(b"{}")[:80].decode(errors="replace")
            reason = f"a record that is cut off, or not flat: {begin!r}"
            yield Found(self._line, _Torn(reason), text)
        elif b"notional_bid" in text:
            yield Found(self._line, *_read_record(text))

    def _in_base64(self, text: bytes) -> Iterator[Found]:
        if not self._is_base64:
            data = text.replace(b"\\u002B", b"+").replace(b"\\", b"")
            data = data[: len(data) - (len(data) % 4 == 1)]
            file = BytesIO(base64.b64decode(data + b"=" * (-len(data) % 4)))
            for found in _Window(is_base64=True).find(open_text(lambda: file.read(MAX_PIECE_BYTES))):
                yield found._replace(line=self._line)


def _braces_around(text: bytes, mark: re.Match[bytes], done: int) -> tuple[int, int]:
    """From a brace to the next one, of which a `{` is left out."""
    start = max(done, text.rfind(b"{", done, mark.start()), text.rfind(b"}", done, mark.start()))
    brace = _BRACE.search(text, mark.end())
    return start, brace.start() + (brace[0] == b"}") if brace else len(text)


def _start_of_rest(text: bytes) -> int:
    """From where the text may be the start of something."""
    tail = text[-MAX_BASE64_BYTES:]
    start_of_base64 = len(text) - len(tail) + len(tail.rstrip(_BASE64)) - 1
    last_brace = max(text.rfind(b"{"), text.rfind(b"}"), len(text) - MAX_RECORD_BYTES)
    return max(min(last_brace, start_of_base64), 0)


def _notional_bid(found: Found) -> object:
    """Returns the number that a record and a part of it share; without one, an object that equals nothing."""
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
