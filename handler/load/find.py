r"""Finds records in any text: logs, exports of logs, JSON or CSV around them, in any encoding or compression.

A record is one flat object, so the text between `{` and `}` around `"notional_bid"`, unescaped, is it, whatever wraps
it. Quotes may be escaped to any depth, `\"`, `\\\"`, `\u0022`, or doubled as in CSV. Base64 that contains a record or
gzip is decoded. Memory is bounded and time is linear, whatever the text is.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Generator, Iterator
from io import BytesIO
from itertools import chain
from typing import NamedTuple

import msgspec

from ..errors import InvalidData, InvalidRecord
from ..record import Record
from .open import MAX_PIECE_BYTES, MAX_UNREADABLE, Piece, Source, Totals, open_text

MAX_RECORD_BYTES = 2**18  # a full record has 2,000, and each layer of JSON doubles its backslashes
MAX_BASE64_BYTES = 2**24  # CloudWatch and Firehose make up to 1.4 million
MIN_HELD_BYTES = 128  # a mark may be cut off there

_MARK = re.compile(
    rb'notional_bid(?<=["2]notional_bid)(?:[\\"]|u0022|x22)++\s*+:\s*+(?P<number>[-+.0-9eE]*+)'
    rb'|timestamp[\\"]++:[\\"]++[-0-9]{10}T[:0-9]{8}Z[\\"]++,[\\"]++symbol'  # it may be cut off before notional_bid
    rb"|(?P<base64>H4sI(?<![A-Za-z0-9+/\\]H4sI)[A-Za-z0-9+/\\]{40}"  # gzip
    rb"|bm90aW9uYWxfYmlk|5vdGlvbmFsX2Jp|ub3Rpb25hbF9iaW)"  # notional_bid at each of its three offsets
)
_LITERALS = (b"notional_bid", b"symbol", b"H4sI", b"bm90aW9uYWxfYmlk", b"5vdGlvbmFsX2Jp", b"ub3Rpb25hbF9iaW")
_NUMBER = re.compile(rb'notional_bid(?:[\\"]|u0022|x22)++\s*+:\s*+([-+.0-9eE]++)')
_BRACE = re.compile(rb"[{}]")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\\"
_PLUS = re.compile(rb"\\+u002[bB]")
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/\\]")


class Found(NamedTuple):
    """A record, the line where it begins, and its text as one line of JSON; or what is invalid there."""

    line: int
    what: Record | InvalidData
    text: bytes = b""


def find_records(read: Callable[[], bytes]) -> Iterator[Found]:
    """Find the records of a stream: `read` gives the next bytes, and b"" at the end."""
    source = Source(read)
    return _Finder(source.totals).find(open_text(source))


class _Finder:
    """The text that is still looked at, and the line in which it begins."""

    def __init__(self, totals: Totals, *, is_base64: bool = False) -> None:
        self._totals = totals
        self._is_base64 = is_base64
        self._text = b""
        self._line = 1
        self._number = math.nan  # notional_bid of the last record
        self._fragment: tuple[float, Found] | None = None

    def find(self, pieces: Iterator[Piece]) -> Iterator[Found]:
        added: list[bytes] = []
        for piece in chain(pieces, [None]):
            if isinstance(piece, bytes):
                added.append(piece)
                if len(self._text) > MAX_RECORD_BYTES and sum(map(len, added)) < len(self._text):
                    continue  # look again only when the text has doubled
            self._text += b"".join(added)
            added = []
            done = yield from self._scan(is_end=piece is None)
            self._text = self._text[done:]
            if isinstance(piece, InvalidData):
                yield Found(self._line, piece)
        if self._fragment:
            yield self._fragment[1]

    def _scan(self, *, is_end: bool) -> Generator[Found, None, int]:
        """Look at the text; returns from where it is to be looked at again."""
        text, done, counted = self._text, 0, 0
        has_mark = any(literal in text for literal in _LITERALS)
        while mark := _MARK.search(text, done) if has_mark else None:
            if mark["base64"] is None:
                (start, end), limit, look_at = _object_around(text, mark, done), MAX_RECORD_BYTES, self._in_object
            elif self._is_base64:
                done = mark.end()
                continue
            else:
                (start, end), limit, look_at = _base64_around(text, mark, done), MAX_BASE64_BYTES, self._in_base64
            is_complete = end is not None or is_end or len(text) - start >= limit
            kept = start
            if not is_complete:
                break
            done = min(len(text), mark.end() + limit) if end is None else end
            self._line += text.count(b"\n", counted, start)
            counted = start
            yield from look_at(text[start:done])
        else:
            kept = len(text) if is_end else max(done, _start_of_rest(text, done))
        self._line += text.count(b"\n", counted, kept)
        return kept

    def _in_object(self, text: bytes) -> Iterator[Found]:
        is_whole = text.startswith(b"{") and text.endswith(b"}")
        if is_whole and b"notional_bid" in text:
            what, line = _read_record(text)
            if isinstance(what, Record):
                yield from self._settle(what.notional_bid)
            yield Found(self._line, what, line)
        elif not is_whole:
            yield from self._in_fragment(text)

    def _in_fragment(self, text: bytes) -> Iterator[Found]:
        """A part of a record, which is one too few unless it stands beside the whole: parsed fields beside a line."""
        found = _NUMBER.search(text)
        number = _float(found[1]) if found else math.nan
        if number != self._number:
            yield from self._settle(number)
            reason = f"a record that is cut off, or not flat: {text[:80].decode(errors='replace')!r}"
            self._fragment = number, Found(self._line, InvalidRecord(reason))

    def _settle(self, number: float) -> Iterator[Found]:
        """Give the fragment that came before, unless it is of the record with this notional_bid."""
        fragment, self._fragment, self._number = self._fragment, None, number
        if fragment and fragment[0] != number:
            yield fragment[1]

    def _in_base64(self, text: bytes) -> Iterator[Found]:
        if len(text) >= MAX_BASE64_BYTES:
            yield Found(self._line, InvalidData(f"base64 data of more than {MAX_BASE64_BYTES:,} characters"))
            return
        if text.startswith(b"H4sI") and self._totals.unreadable >= MAX_UNREADABLE:
            return
        data = _PLUS.sub(b"+", text).replace(b"\\", b"")
        data = data[: len(data) - (len(data) % 4 == 1)]
        file = BytesIO(base64.b64decode(data + b"=" * (-len(data) % 4)))
        source = Source(lambda: file.read(MAX_PIECE_BYTES), self._totals)
        for found in _Finder(source.totals, is_base64=True).find(open_text(source)):
            yield found._replace(line=self._line)


def _object_around(text: bytes, mark: re.Match[bytes], done: int) -> tuple[int, int | None]:
    """From `{` to `}`; without the braces where others come first. The end is None if it has not come yet."""
    start = text.rfind(b"{", max(done, mark.start() - MAX_RECORD_BYTES), mark.start())
    if start < 0 or text.find(b"}", start, mark.start()) >= 0:
        start = max(done, mark.start() - 1)
    brace = _BRACE.search(text, mark.end(), mark.end() + MAX_RECORD_BYTES)
    return start, brace and brace.end() - (brace[0] == b"{")


def _base64_around(text: bytes, mark: re.Match[bytes], done: int) -> tuple[int, int | None]:
    end = _NO_BASE64.search(text, mark.end())
    return _start_of_base64(text, done, mark.start()), end and end.start()


def _start_of_base64(text: bytes, done: int, end: int) -> int:
    """Where the base64 characters before `end` begin; `end` if there are more than MAX_BASE64_BYTES."""
    before = text[max(done, end - MAX_BASE64_BYTES) : end]
    size = len(before) - len(before.rstrip(_BASE64))
    return end - size if size < MAX_BASE64_BYTES else end


def _start_of_rest(text: bytes, done: int) -> int:
    """From where the text may be the start of something."""
    brace = text.rfind(b"{", max(done, len(text) - MAX_RECORD_BYTES))
    if brace < 0 or text.find(b"}", brace) >= 0:
        brace = len(text)
    return min(brace, _start_of_base64(text, done, len(text)), len(text) - MIN_HELD_BYTES)


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
                shorter = _BACKSLASH.sub(r"\1", text)  # escapes of others than JSON
        if len(shorter) >= len(text) or "notional_bid" not in shorter:
            raise InvalidRecord(f"its quotes cannot be understood: {text[:80]!r}")
        text = shorter


def _float(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
