"""A folder of records: one file of lines for each UTC day. Nothing has to be installed for it."""

import errno
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..clock import SYSTEM, Clock
from ..errors import StoreError, TransientStoreError
from ..record import Record
from .store import FailedPut, PutResult, is_storable, total

try:
    import fcntl
except ModuleNotFoundError:  # Windows: one process at a time
    fcntl = None  # type: ignore[assignment]

LOCK_PAUSE_SECONDS = 0.01
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
_PASSING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.EINTR))
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP))  # some network file systems
_ADVICE = {
    errno.EACCES: "check who owns the folder and its files",
    errno.EDQUOT: "free some space",
    errno.EEXIST: "name a folder",
    errno.EFBIG: "the file may not grow any more: check ulimit -f",
    errno.ENOSPC: "free some space",
    errno.ENOTDIR: "name a folder",
    errno.EROFS: "name a folder on a file system that can be written",
}


class Folder:
    """Appends records as lines to `2026-11-22.jsonl`, the file of the UTC day of their timestamps.

    Several processes may append to one folder of a local disk. Nothing is ever compressed or deleted here. What a slot
    already has is decided when the folder is read. The folder is created, also if it vanishes later. Raises StoreError
    if it cannot be written.

        Folder("obi/").put([record], time.monotonic() + 10)
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock = SYSTEM) -> None:
        self.path = Path(path)
        self.description = f"folder {self.path}"
        self._clock = clock
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise self._error(error) from error

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Append the line of each record, waiting for a lock until `deadline` (monotonic clock). Never raises."""
        return self.put_lines([(record, record.to_line()) for record in records], deadline)

    def put_lines(self, records: Sequence[tuple[Record, str]], deadline: float) -> PutResult:
        """Append the lines that records were read from, with the keys of a newer version. Never raises."""
        days: dict[str, list[tuple[Record, str]]] = defaultdict(list)
        for record, line in records:
            if is_storable(record):
                days[record.timestamp[:10]].append((record, line))
        return total([self._append(self.path / f"{day}.jsonl", lines, deadline) for day, lines in days.items()])

    def _append(self, path: Path, lines: Sequence[tuple[Record, str]], deadline: float) -> PutResult:
        failed: list[FailedPut] = []
        try:
            file = self._open_locked(path, deadline)
        except OSError as error:
            return PutResult(failed=[FailedPut(record, self._error(error, path)) for record, _ in lines])
        stored = 0
        try:
            for record, line in lines:
                try:
                    _write_line(file, line)
                    stored += record.reason is None
                except OSError as error:
                    failed.append(FailedPut(record, self._error(error, path)))
        finally:
            os.close(file)  # and unlock
        return PutResult(stored, failed=failed)

    def _open_locked(self, path: Path, deadline: float) -> int:
        """Open and lock the file of a day, which may be moved or removed at any time. Raises OSError."""
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                file = os.open(path, _FLAGS, 0o666)
                try:
                    _lock(file)
                    if os.path.samestat(os.fstat(file), path.stat()):
                        return file
                except BaseException:
                    os.close(file)
                    raise
                os.close(file)
            except OSError as error:
                is_passing = error.errno in _PASSING or isinstance(error, BlockingIOError | FileNotFoundError)
                if not is_passing or self._clock.monotonic() >= deadline:
                    raise
            self._clock.sleep(LOCK_PAUSE_SECONDS)

    def _error(self, error: OSError, path: Path | None = None) -> StoreError:
        what = f"{self.description}: {path.name}: " if path else f"{self.description}: "
        if isinstance(error, BlockingIOError):
            return TransientStoreError(f"{what}another process keeps its lock on the file")
        advice = f"; {_ADVICE[error.errno]}" if error.errno in _ADVICE else ""
        return StoreError(f"{what}{error.strerror or error}{advice}")


def _lock(file: int) -> None:
    """Raise BlockingIOError if another process has the lock."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise


def _write_line(file: int, line: str) -> None:
    """Append a line in one write, after the end of a torn one; what was written in part is taken back."""
    size = os.lseek(file, 0, os.SEEK_END)
    is_torn = size > 0 and os.lseek(file, -1, os.SEEK_END) >= 0 and os.read(file, 1) != b"\n"
    data = b"\n" * is_torn + line.encode() + b"\n"
    written = 0
    try:
        written = os.write(file, data)
        if written < len(data):  # the disk is full, or a limit of the file's size is reached
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        if written:
            os.ftruncate(file, size)
        raise
