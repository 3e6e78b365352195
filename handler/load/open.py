"""Bytes of any file or pipe → UTF-8 text, in pieces. Compressed parts and UTF-16 may begin anywhere in the stream.

Whatever cannot be read is an InvalidData among the pieces, and what follows it is read.
"""

import bz2
import codecs
import lzma
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from itertools import chain
from typing import Any

from ..errors import InvalidData

MAX_LAYERS = 8  # compressed parts inside each other
MAX_RATIO, MAX_FREE_BYTES = 200, 2**30  # logs shrink 10 to 60 times; a bomb expands further, and to more than a GiB
MAX_XZ_MEMORY_BYTES = 2**27  # twice what the highest level takes; the head of a file may ask for 4 GiB
MAX_UNREADABLE = 100  # compressed parts; what looks like more of them is no file of logs
MAX_PIECE_BYTES = 2**16

Piece = bytes | InvalidData

_MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<bzip2>BZh[1-9]1AY&SY)|(?P<xz>\xfd7zXZ\0)|(?P<zstd>\(\xb5/\xfd)|(?P<zip>PK\x03\x04)"
)
_MAGIC_PARTS = (b"\x1f\x8b\x08", b"1AY&SY", b"\xfd7zXZ\0", b"(\xb5/\xfd", b"PK\x03\x04")  # faster to find
_START_OF_MAGIC = re.compile(rb"[\x1fB\xfd(P].{0,8}\Z", re.DOTALL)
_ZIP_HEADER = struct.Struct("<6xHH16xHH")  # flags, method, and the lengths of the name and of the extra field
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_WIDE = re.compile(  # six characters of ASCII; big-endian text has zeros before the first one
    rb"A(?:(?<=\0\0\0A)(?P<utf_32_be>(?:\0\0\0A){5})|(?<=\0A)(?P<utf_16_be>(?:\0A){5})"
    rb"|(?P<utf_32_le>(?:\0\0\0A){5})|(?P<utf_16_le>(?:\0A){5}))".replace(b"A", rb"[\t\n\r -~]")
)
_ZEROS_BEFORE = {"utf_16_be": 1, "utf_32_be": 3}
_NARROW = re.compile(rb"[ -~]{16}")  # as UTF-16 it would be eight rare Chinese characters
_MAX_HELD_BYTES = 64


class Totals:
    """Counts bytes of a file as they came and as they were decompressed, and the parts that could not be."""

    read = expanded = unreadable = 0

    def add_expanded(self, size: int) -> None:
        """Count decompressed bytes. Raises InvalidData if they are out of proportion."""
        self.expanded += size
        if self.expanded > max(MAX_FREE_BYTES, MAX_RATIO * self.read):
            raise InvalidData(
                f"{self.read:,} bytes expand to more than {self.expanded - size:,}, as a decompression bomb does; if it"
                " is a log, decompress it first"
            )


class Source:
    """Bytes that are not yet read: `read` gives the next ones, and b"" at the end. Parts share the totals."""

    def __init__(self, read: Callable[[], bytes], totals: Totals | None = None) -> None:
        self._read = read
        self._is_part = totals is not None
        self.totals = totals or Totals()
        self.data = b""

    def more(self) -> bool:
        """Read on; False at the end."""
        piece = self._read()
        self.data += piece
        self.totals.read += 0 if self._is_part else len(piece)
        return bool(piece)

    def take(self, size: int) -> bytes:
        """As many bytes, fewer at the end."""
        while len(self.data) < size and self.more():
            pass
        taken, self.data = self.data[:size], self.data[size:]
        return taken


def open_text(source: Source) -> Iterator[Piece]:
    """The text as UTF-8; bytes that are no text stay as they are."""
    return _as_utf8(_expand(source, MAX_LAYERS))


def _expand(source: Source, layers: int) -> Iterator[Piece]:
    while True:
        has_magic = source.totals.unreadable < MAX_UNREADABLE and any(part in source.data for part in _MAGIC_PARTS)
        found = _MAGIC.search(source.data) if has_magic else None
        held = found or _START_OF_MAGIC.search(source.data, max(len(source.data) - 9, 0))
        yield source.take(held.start() if held else len(source.data))
        if found:
            try:
                yield from _expand_part(source, str(found.lastgroup), layers)
            except InvalidData as error:
                source.totals.unreadable += 1
                yield error
                yield source.take(1)
        elif not source.more():
            yield source.data
            return


def _expand_part(source: Source, kind: str, layers: int) -> Iterator[Piece]:
    """What a compressed part contains; leaves the source at its end. Raises InvalidData."""
    if not layers:
        raise InvalidData(f"more than {MAX_LAYERS} compressed files inside each other")
    if kind == "zip":
        yield b"\n"  # the file before it may end without one
        flags, method, *lengths = _ZIP_HEADER.unpack(source.take(_ZIP_HEADER.size).ljust(_ZIP_HEADER.size, b"\xff"))
        if flags & 1 or method not in (_STORED, _DEFLATED, _BZIP2):
            raise InvalidData("zip data that is cut off, encrypted or compressed by a rare method: unpack it first")
        source.take(sum(lengths))
        if method != _DEFLATED:  # its text, or the magic of bzip2, follows
            return
    pieces = _decompress(source, kind)
    yield from _expand(Source(lambda: next(pieces, b""), source.totals), layers - 1)


def _decompress(source: Source, kind: str) -> Iterator[bytes]:
    source.totals.add_expanded(0)  # nothing is decompressed after a bomb
    decompressor, given = _DECOMPRESSORS[kind](), b""
    try:
        while not decompressor.eof:
            data = b""
            if decompressor.needs_input:
                is_end = not (source.data or source.more())
                data, source.data = source.data, b""
                given = data or given
            piece = decompressor.decompress(data, MAX_PIECE_BYTES)
            source.totals.add_expanded(len(piece))
            if piece:
                yield piece
            elif is_end and not decompressor.eof:
                raise EOFError("it is cut off")
    except Exception as error:  # each library has its own
        source.data = given[1:] + source.data  # without the magic, which would be found again
        if isinstance(error, InvalidData):
            raise
        raise InvalidData(f"{kind} data that cannot be read: {error}") from error
    source.data = decompressor.unused_data + source.data


class _Inflate:
    """zlib's decompressor with the interface of those of bz2, lzma and zstd."""

    def __init__(self, window_bits: int) -> None:
        self._zlib = zlib.decompressobj(window_bits)

    def __getattr__(self, name: str) -> Any:
        return not self._zlib.unconsumed_tail if name == "needs_input" else getattr(self._zlib, name)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _zstd() -> Any:
    for library in ("compression.zstd", "backports.zstd"):  # the first one since Python 3.14
        with suppress(ImportError):
            return import_module(library).ZstdDecompressor()
    raise InvalidData("zstd data: run pip install backports.zstd, or decompress it first: zstd -d")


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: _Inflate(16 + zlib.MAX_WBITS),
    "zip": lambda: _Inflate(-zlib.MAX_WBITS),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_XZ_MEMORY_BYTES),
    "zstd": _zstd,
}


def _as_utf8(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Decode parts in UTF-16 and UTF-32, which are told by their zero bytes, with or without a byte order mark."""
    decoder, data = None, b""
    for piece in chain(pieces, [None]):
        if isinstance(piece, InvalidData):
            yield piece
            continue
        data += piece or b""
        while data:
            found = _NARROW.search(data) if decoder else _WIDE.search(data) if b"\0" in data else None
            encoding = str(found.lastgroup) if found else ""
            end = found.start() if found else len(data) - (_held_bytes(data, bool(decoder)) if piece else 0)
            end -= _ZEROS_BEFORE.get(encoding, 0)
            yield decoder.decode(data[:end]).encode() if decoder else data[:end]
            data = data[end:]
            if not found:
                break
            decoder = None if decoder else codecs.getincrementaldecoder(encoding)("replace")


def _held_bytes(data: bytes, is_wide: bool) -> int:
    """How many bytes at the end may be the start of the other kind of text."""
    tail = data[-_MAX_HELD_BYTES:]
    if is_wide:
        return len(tail) - len(tail.rstrip(bytes(range(0x20, 0x7F))))
    return len(tail) if b"\0" in tail else not tail.endswith(b"\n")
