"""Text out of any file or pipe: compression by its first bytes, however nested, then the encoding. A stream throughout.

A log says nowhere what it is: an S3 export is gzip inside gzip, PowerShell writes UTF-16. So the first bytes decide,
again for what comes out of each layer.
"""

import bz2
import codecs
import gzip
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from handler.errors import InvalidData

MAX_LAYERS = 8
"""Compressed files inside each other."""
MAX_RATIO, MAX_FREE_BYTES = 200, 2**30
"""Logs shrink 10 to 60 times. What expands further, and to more than a GiB, is not read to its end."""
HEAD_BYTES = 64
"""What is looked at to tell a compression or an encoding."""
MAX_XZ_MEMORY_BYTES = 2**27
"""The highest level of xz takes half of it to decompress; the head of a file may ask for 4 GiB."""
_MIN_HEAD_BYTES = 8
_XZ_MAGIC = b"\xfd7zXZ\x00"
_COPY_BYTES = 2**18

UNREADABLE = (
    *(EOFError, OSError, MemoryError, NotImplementedError, RuntimeError),
    *(zlib.error, zipfile.BadZipFile),
)
"""What the libraries raise for files that are cut off, corrupt, encrypted or of an unknown method."""

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16: it starts with the same two bytes
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class _Bytes(io.RawIOBase):
    """Bytes of which the first read gives enough to tell what they are, however few come at a time."""

    def __init__(self, read_some: Callable[[Any], int | None]) -> None:
        self._read_some = read_some
        self.bytes_read = 0

    def readable(self) -> bool:
        """Whether this is a file for reading, as `io` wants to know."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there; at the start enough to tell what it is."""
        view, size = memoryview(buffer), 0
        while not size or self.bytes_read < min(_MIN_HEAD_BYTES, len(view)):
            read = self._read_some(view[size:])
            if not read:
                break
            size += read
            self.bytes_read += read
        return size


class Source(_Bytes):
    """The bytes of a binary file as they are; `before_read` is called before each read, and may raise to end it.

    Counts what was read, and all that came out of it: of data `within` it, too.
    """

    def __init__(
        self, file: Any, before_read: Callable[[], object] = lambda: None, within: "Source | None" = None
    ) -> None:
        def read_some(view: memoryview) -> int | None:
            before_read()
            size: int | None = file.readinto(view)
            return size

        super().__init__(read_some)
        self._outermost: Source = within._outermost if within else self
        self.bytes_expanded = 0

    def count_expanded(self, size: int) -> None:
        """Count bytes that came out of a compressed layer. Raises InvalidData if they are out of proportion."""
        source = self._outermost
        source.bytes_expanded += size
        if source.bytes_expanded > max(MAX_FREE_BYTES, source.bytes_read * MAX_RATIO):
            raise InvalidData(
                f"{source.bytes_read:,} bytes expand to more than {source.bytes_expanded - size:,}, as in a"
                " decompression bomb; if it is a log, decompress it and load the result"
            )


class Stream(NamedTuple):
    """Bytes that are no longer compressed, and the name of the file in an archive that they are from."""

    name: str
    file: Any


def streams(source: Source) -> Iterator[Stream]:
    """What is left when everything compressed is decompressed. Raises UNREADABLE or InvalidData, also while reading."""
    return _streams("", io.BufferedReader(source), source, 0)


def _streams(name: str, file: Any, source: Source, depth: int) -> Iterator[Stream]:
    head = file.peek(HEAD_BYTES)
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
    if opener is None:
        yield Stream(name, file)
    elif depth == MAX_LAYERS:
        raise InvalidData(f"more than {MAX_LAYERS} compressed files inside each other")
    else:
        for member, opened in opener(file):
            expanded = io.BufferedReader(_Expanded(opened, source))
            yield from _streams(name + member, expanded, source, depth + 1)


class _XzFile:
    """The xz streams of a file, like lzma.LZMAFile, but in bounded memory and with no other data after them."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._decompressor = _xz_decompressor()

    def readinto1(self, buffer: Any) -> int:
        """Read what is decompressed next. Raises EOFError or InvalidData."""
        data = b""
        while not data:
            compressed = b""
            if self._decompressor.eof:
                compressed = self._next_stream()
                if not compressed:
                    return 0
                self._decompressor = _xz_decompressor()
            elif self._decompressor.needs_input:
                compressed = self._file.read1(_COPY_BYTES)
                if not compressed:
                    raise EOFError("the xz file is cut off")
            try:
                data = self._decompressor.decompress(compressed, len(buffer))
            except lzma.LZMAError as error:
                raise InvalidData(f"{error}; if it is xz, decompress it with xz -d, and read the result") from error
        buffer[: len(data)] = data
        return len(data)

    def _next_stream(self) -> bytes:
        """What follows a stream and the zeros that may pad it; nothing at the end of the file."""
        following = self._decompressor.unused_data.lstrip(b"\0")
        while not following and (read := self._file.read1(_COPY_BYTES)):
            following = bytes(read).lstrip(b"\0")
        if following and not following.startswith(_XZ_MAGIC[: len(following)]):
            raise InvalidData("what follows the xz data is something else: cut it off")
        return following


def _xz_decompressor() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY_BYTES)


def _zip_members(file: Any) -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryFile() as copy:  # its directory is at its end, and a pipe cannot be rewound
        while chunk := file.read1(_COPY_BYTES):
            copy.write(chunk)
        with zipfile.ZipFile(copy) as archive:
            for member in archive.infolist():
                if member.compress_type == zipfile.ZIP_LZMA:  # zipfile cannot limit its memory
                    raise InvalidData(f"{member.filename} is compressed with LZMA: unpack it, and read the result")
                if not member.is_dir():
                    yield f":{member.filename}", archive.open(member)


def _one(opener: Callable[[Any], Any]) -> Callable[[Any], Iterable[tuple[str, Any]]]:
    return lambda file: [("", opener(file))]


_OPENERS = {
    b"\x1f\x8b": _one(lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": _one(bz2.BZ2File),
    _XZ_MAGIC: _one(_XzFile),
    b"PK\x03\x04": _zip_members,
}
"""By the first bytes: what opens the files inside, each with what it adds to the name."""


class _Expanded(_Bytes):
    """What is decompressed, counted by its source."""

    def __init__(self, file: Any, source: Source) -> None:
        def read_some(view: memoryview) -> int:
            size: int = file.readinto1(view)
            source.count_expanded(size)
            return size

        super().__init__(read_some)


def text_decoder(head: bytes) -> io.IncrementalNewlineDecoder:
    r"""What decodes a stream with these first bytes, each line end as `\n`; what is invalid becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(_encoding(head))(errors="replace")
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _encoding(head: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if head.startswith(mark) and (encoding == "utf-8-sig" or b"\0" in head):  # else they are no mark
            return encoding
    zeros = "".join("0" if byte == 0 else "x" for byte in head[:_MIN_HEAD_BYTES])
    return {
        "x000x000": "utf-32-le",
        "000x000x": "utf-32-be",
        "x0x0x0x0": "utf-16-le",
        "0x0x0x0x": "utf-16-be",
    }.get(zeros, "utf-8")
