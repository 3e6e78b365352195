"""A folder of records: one file of lines for each UTC day. Nothing has to be installed for it."""

import errno
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import StoreError
from ..record import Record
from .store import FailedPut, PutResult, is_storable

try:
    import fcntl
except ModuleNotFoundError:  # Windows: one process at a time
    fcntl = None  # type: ignore[assignment]

_ADVICE = {
    errno.EACCES: "; check who owns the folder and its files",
    errno.EEXIST: "; name a folder",
    errno.ENOTDIR: "; name a folder",
    errno.EROFS: "; name a folder on a file system that can be written",
}


class Folder:
    """Appends records as lines to `2026-11-22.jsonl`, the file of the UTC day of their timestamps.

    Several processes may append to one folder of a local disk. Nothing is ever compressed or deleted here. What a slot
    already has is decided when the folder is read. The folder is created, also if it vanishes later. Raises StoreError
    if it cannot be written.

        Folder("obi/").put([record], time.monotonic() + 10)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.description = f"folder {self.path}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise self._error(error) from error

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Append the line of each record; nothing is retried until `deadline`. Never raises."""
        return self.put_lines([(record, record.to_line()) for record in records], deadline)

    def put_lines(self, records: Sequence[tuple[Record, str]], deadline: float) -> PutResult:  # noqa: ARG002 - a Store has it
        """Append the lines that records were read from, with the keys of a newer version. Never raises."""
        days: dict[str, list[tuple[Record, str]]] = defaultdict(list)
        for record, line in records:
            if is_storable(record):
                days[record.timestamp[:10]].append((record, line))
        stored, failed = 0, list[FailedPut]()
        for day, lines in days.items():
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                _append(self.path / f"{day}.jsonl", "".join(f"{line}\n" for _, line in lines).encode())
                stored += sum(record.reason is None for record, _ in lines)
            except OSError as error:
                failed += [FailedPut(record, self._error(error, f"{day}.jsonl: ")) for record, _ in lines]
        return PutResult(stored, failed=failed)

    def _error(self, error: OSError, where: str = "") -> StoreError:
        return StoreError(f"{self.description}: {where}{error.strerror or error}{_ADVICE.get(error.errno or 0, '')}")


def _append(path: Path, data: bytes) -> None:
    """Append lines in one write, after the end of a torn one. Raises OSError; then nothing of them is there."""
    with path.open("ab+", buffering=0) as file:
        if fcntl is not None:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size and file.seek(size - 1) >= 0 and file.read(1) != b"\n":
            data = b"\n" + data
        if file.write(data) < len(data):  # the disk is full, or a limit of the file's size is reached
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
