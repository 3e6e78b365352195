"""The records of the local system: one file of lines that is only ever appended to."""

import heapq
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from handler.errors import InvalidRecord
from handler.record import Record

_START = b'{"timestamp":"'
_TIMESTAMP = slice(len(_START), len(_START) + len("2026-11-22T10:00:00Z"))


class Journal:
    """Keeps each record once, also records that the table has no room for.

    A process that is killed may leave its last line cut short: it is skipped, and the next one starts on a line of its
    own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._hashes: set[int] = set()  # of the lines in the file
        self._cut = False

    def __len__(self) -> int:
        return len(self._hashes)

    def read_newest(self, maximum: int) -> list[Record]:
        """Look at the whole file; returns the newest records in time order, of one time in the order of the file."""
        newest = heapq.nlargest(maximum, self._lines(), key=_timestamp)
        records = []
        for line in reversed(newest):
            try:
                record = Record.from_line(line.decode("utf-8", "replace"))
            except InvalidRecord:
                self._hashes.discard(hash(line))
                continue
            records.append(record)
            self._hashes.discard(hash(line))
            self._hashes.add(_hash(record))  # a line that was copied into the file may be spelled otherwise
        records.sort(key=lambda record: record.timestamp)
        return records

    def append(self, records: Iterable[Record]) -> None:
        """Add those that are not in the file yet. Raises OSError."""
        with self._lock:
            new = {hashed: record for record in records if (hashed := _hash(record)) not in self._hashes}
            if new:
                self._write("".join(f"{record.to_line(detail=True)}\n" for record in new.values()).encode())
                self._hashes.update(new)

    def _lines(self) -> Iterator[bytes]:
        line = b"\n"
        if self._path.exists():
            with self._path.open("rb") as file:
                for line in file:
                    if stripped := line.strip():
                        self._hashes.add(hash(stripped))
                        yield stripped
        self._cut = not line.endswith(b"\n")

    def _write(self, data: bytes) -> None:
        if self._cut:
            data = b"\n" + data
        self._cut = True
        with self._path.open("ab", buffering=0) as file:
            while data:
                data = data[file.write(data) :]
        self._cut = False


def _timestamp(line: bytes) -> bytes:
    return line[_TIMESTAMP] if line.startswith(_START) else b""


def _hash(record: Record) -> int:
    return hash(record.to_line(detail=True).encode())
