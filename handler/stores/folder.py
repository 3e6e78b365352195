"""A folder of records: one file of lines for each UTC day. Nothing has to be installed for it."""

import errno
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ..errors import StoreError
from ..record import Record
from .store import FailedPut, PutResult

try:
    import fcntl
except ModuleNotFoundError:  # Windows: one process at a time
    fcntl = None  # type: ignore[assignment]

LOCK_PAUSE_SECONDS = 0.02


class Folder:
    """Appends records as lines to `2026-11-22.jsonl`, the file of the UTC day of their timestamps.

    Several processes may append to one folder of a local disk. Nothing is ever compressed or deleted here. What a slot
    already has is decided when the folder is read. The folder is created, also if it vanishes later. Raises StoreError
    if it cannot be written.

        Folder("obi/").put([record], time.monotonic() + 10)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise StoreError(f"folder {path}: {error.strerror}; name a folder that can be written") from error

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Append the line of each record; only another process's lock is waited for until `deadline`. Never raises."""
        return self.put_lines([(record, record.to_line()) for record in records], deadline)

    def put_lines(self, records: Sequence[tuple[Record, str]], deadline: float) -> PutResult:
        """Append the lines that records were read from, with the keys of a newer version. Never raises."""
        days: dict[str, list[tuple[Record, str]]] = defaultdict(list)
        for record, line in records:
            if record.is_storable:
                days[record.timestamp[:10]].append((record, line))
        stored, failed = 0, list[FailedPut]()
        for day, lines in days.items():
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                _append(self.path / f"{day}.jsonl", "".join(f"{line}\n" for _, line in lines).encode(), deadline)
                stored += sum(record.reason is None for record, _ in lines)
            except OSError as error:
                failure = StoreError(f"folder {self.path}: {day}.jsonl: {error.strerror}")
                failed += [FailedPut(record, failure) for record, _ in lines]
        return PutResult(stored, failed=failed)


def _append(path: Path, data: bytes, deadline: float) -> None:
    """Append lines in one write, after a line end if the last line is torn. Raises OSError, with nothing written."""
    with path.open("ab+", buffering=0) as file:
        _lock(file, deadline)
        size = file.seek(0, os.SEEK_END)
        if size and file.seek(size - 1) >= 0 and file.read(1) != b"\n":
            data = b"\n" + data
        try:
            while data:
                data = data[file.write(data) :]  # less only where there is no room, and then the next write says why
        except OSError:
            file.truncate(size)
            raise


def _lock(file: IO[bytes], deadline: float) -> None:
    while fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise OSError(error.errno, "another process keeps the file locked") from error
            time.sleep(LOCK_PAUSE_SECONDS)
        except OSError:  # some network file systems have no locks
            return
