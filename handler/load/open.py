"""Bytes of any file or pipe, decompressed, in pieces. Compressed files may begin anywhere among them.

Whatever cannot be read is an InvalidData among the pieces, and what follows it is read.
"""

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from ..errors import InvalidData

MAX_PIECE_BYTES = 2**16
MAX_FAILED = 100  # compressed files that cannot be read; what looks like more of them is no log
MAX_LAYERS = 3  # compressed files inside each other

_SLICE_BYTES = 2**10  # given to a decompressor at once; no format expands this to more than 32 MiB
_MAGIC = re.compile(rb"\x1f\x8b\x08|BZh[1-9]1AY&SY|\xfd7zXZ\0|\(\xb5/\xfd|PK\x03\x04")
_MAGIC_BYTES = 10
_ZIP_HEADER = struct.Struct("<6xHH16xHH")  # flags, method, and the lengths of the name and of the extra field
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12

Piece = bytes | InvalidData


def decompressed(read: Callable[[], bytes]) -> Iterator[Piece]:
    """Yield the bytes of a stream, decompressed where they are compressed; `read` returns b"" at the end."""
    return _expand(_Source(read), MAX_LAYERS)


class _Source:
    """Bytes that are not yet used, of which `read` gives the next ones."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self.data = b""

    def more(self) -> bool:
        piece = self._read()
        self.data += piece
        return bool(piece)

    def take(self, size: int) -> bytes:
        while len(self.data) < size and self.more():
            pass
        taken, self.data = self.data[:size], self.data[size:]
        return taken


def _expand(source: _Source, layers: int) -> Iterator[Piece]:
    failed = 0
    while True:
        found = _MAGIC.search(source.data) if failed < MAX_FAILED else None
        begins_at = max(source.data.rfind(b"\n") + 1, len(source.data) - _MAGIC_BYTES)  # a magic that is cut off
        yield source.take(found.start() if found else begins_at)
        if found:
            try:
                pieces = _decompress(source, found[0], layers)
                yield from _expand(_Source(lambda pieces=pieces: next(pieces, b"")), layers - 1)  # type: ignore[misc]
            except InvalidData as error:
                failed += 1
                yield error
        elif not source.more():
            yield source.data
            return


def _decompress(source: _Source, magic: bytes, layers: int) -> Iterator[bytes]:
    """Decompress one file and leave the source at its end. Raises InvalidData."""
    given = b""
    try:
        if not layers:
            raise ValueError(f"more than {MAX_LAYERS} compressed files inside each other")
        decompressor = _unzip(source) if magic == b"PK\x03\x04" else _DECOMPRESSORS[magic[:2]]()
        while decompressor and not decompressor.eof:
            if not (data := source.take(_SLICE_BYTES)):
                raise EOFError("it is cut off")
            given = (given + data)[-MAX_PIECE_BYTES:]
            if piece := decompressor.decompress(data):
                yield piece
    except Exception as error:  # each library has its own
        source.data = given[1:] + source.data if given else source.data[1:]  # what follows may be text
        raise InvalidData(f"compressed data ({magic[:3]!r}) that cannot be read: {error}") from error
    if decompressor:
        source.data = decompressor.unused_data + source.data


def _unzip(source: _Source) -> Any:
    """Skip the head of a zip member. None if its text, or the magic of bzip2, follows. Raises ValueError."""
    flags, method, *lengths = _ZIP_HEADER.unpack(source.take(_ZIP_HEADER.size).ljust(_ZIP_HEADER.size, b"\xff"))
    if flags & 1 or method not in (_STORED, _DEFLATED, _BZIP2):
        raise ValueError("it is cut off, encrypted or compressed by a rare method: unpack it first")
    source.take(sum(lengths))
    return zlib.decompressobj(-zlib.MAX_WBITS) if method == _DEFLATED else None


def _zstd() -> Any:
    for library in ("compression.zstd", "backports.zstd"):  # the first one since Python 3.14
        with suppress(ImportError):
            return import_module(library).ZstdDecompressor()
    raise ValueError("it is zstd: run pip install backports.zstd, or decompress it first: zstd -d")


_DECOMPRESSORS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    b"BZ": bz2.BZ2Decompressor,
    b"\xfd7": lzma.LZMADecompressor,
    b"(\xb5": _zstd,
}
