"""Every record in a file or a pipe, whatever it is wrapped in: a log, an export, CSV, compressed, in any encoding."""

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from handler.errors import InvalidData, InvalidRecord
from handler.record import Record
from handler.stores.csv_rows import heading_of, record_of
from handler.stores.line_count import LineCount
from handler.stores.scan import Found, Scan
from handler.stores.unwrap import HEAD_BYTES, UNREADABLE, Source, streams, text_decoder
from handler.stores.valid_records import record_from_line

CHUNK_BYTES = 2**17
MAX_LINE_CHARACTERS = 2**17
"""What is longer is scanned in pieces."""
SAMPLE_CHARACTERS = 500
MAX_BASE64_DEPTH = 4
"""Data in base64 inside each other."""


class Located(NamedTuple):
    """A record, or an invalid one, and where it starts: the line, and before it the name within an archive."""

    where: str
    what: Record | InvalidRecord


class RecordFinder:
    """Finds the records of files, and counts what else is in them.

    `on_unknown_key` gets each key that a record has and this version does not know: it is left out.
    """

    def __init__(self, on_unknown_key: Callable[[str], object] = lambda _: None) -> None:
        self._on_unknown_key = on_unknown_key
        self.not_records = 0
        """Lines that hold no record and are not blank."""
        self.sample = ""
        """The beginning of the first text that is not blank."""

    def find(self, file: Any, before_read: Callable[[], object] = lambda: None) -> Iterator[Located]:
        """The records of an unbuffered binary file, as they are read, each before the next read.

        `before_read` is called before each read, and may raise to end it. What cannot be read is an InvalidRecord, too.
        """
        yield from self._find(Source(file, before_read), depth=0)

    def _find(self, source: Source, depth: int) -> Iterator[Located]:
        name, lines = "", LineCount()
        try:
            for name, stream in streams(source):
                lines = LineCount()
                for line, what in self._in_stream(stream, lines, source, depth):
                    yield Located(f"{name}:{line}", what)
        except (*UNREADABLE, InvalidData) as error:
            reason = str(error) or type(error).__name__
            yield Located(f"{name}:{lines.line}", InvalidRecord(f"cannot be read from here on: {reason}"))

    def _in_stream(self, stream: io.BufferedReader, lines: LineCount, source: Source, depth: int) -> Iterator[Found]:
        def look_into(data: bytes) -> Iterator[Record | InvalidRecord]:
            if depth < MAX_BASE64_DEPTH:
                inside = RecordFinder(self._on_unknown_key)._find(Source(io.BytesIO(data), within=source), depth + 1)
                yield from (located.what for located in inside)

        text = _Text(lines, Scan(lines, look_into, self._on_unknown_key), self._on_unknown_key)
        try:
            decoder = text_decoder(stream.peek(HEAD_BYTES))
            while chunk := stream.read1(CHUNK_BYTES):
                yield from text.feed(self._noted(decoder.decode(chunk)))
        except (*UNREADABLE, InvalidData):
            yield from text.end()
            raise
        else:
            yield from text.feed(self._noted(decoder.decode(b"", final=True)))
            yield from text.end()
        finally:
            text.close()
            self.not_records += lines.without_record

    def _noted(self, text: str) -> str:
        if not self.sample:
            self.sample = text.lstrip()[:SAMPLE_CHARACTERS]
        return text


class _Text:
    """Splits a text into lines, and passes those that are a record, or a row of CSV, by the scan."""

    def __init__(self, lines: LineCount, scan: Scan, on_unknown_key: Callable[[str], object]) -> None:
        self._lines = lines
        self._scan = scan
        self._on_unknown_key = on_unknown_key
        self._heading: list[str] | None = None
        self._rest = ""
        """A line without its end."""
        self._is_inside_line = False
        """Whether the beginning of the line is with the scan already."""

    def feed(self, text: str) -> Iterator[Found]:
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        others: list[str] = []
        for line in lines:
            what = None if self._is_inside_line else self._record_of(line)
            self._is_inside_line = False
            if what is None:
                others.append(line)
                continue
            yield from self._scanned(others, final=True)
            others.clear()
            yield Found(self._lines.line, what)
            self._lines.record(line_ends=1)
            self._lines.end()
        yield from self._scanned(others)
        if len(self._rest) > MAX_LINE_CHARACTERS:
            yield from self._scan.feed(self._rest)
            self._rest, self._is_inside_line = "", True

    def end(self) -> Iterator[Found]:
        """Take the end of the text."""
        if self._rest:
            yield from self.feed("\n")
        yield from self._scan.feed("", final=True)

    def close(self) -> None:
        """Count the lines that are held."""
        self._scan.close()
        self._lines.end()

    def _scanned(self, lines: list[str], *, final: bool = False) -> Iterator[Found]:
        if lines or not self._scan.is_empty:
            yield from self._scan.feed("".join([f"{line}\n" for line in lines]), final=final)

    def _record_of(self, line: str) -> Record | InvalidRecord | None:
        if line.startswith('{"timestamp"') and "\N{REPLACEMENT CHARACTER}" not in line:
            try:
                return record_from_line(line, self._on_unknown_key)  # as it was printed: most of all lines by far
            except InvalidRecord:
                return None
        if heading := heading_of(line):
            self._heading = heading
        return record_of(line, self._heading, self._on_unknown_key) if self._heading else None
