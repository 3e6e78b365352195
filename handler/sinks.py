"""What becomes of a record: printed first, so that it survives a failing table; then stored, if there is one."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from handler.errors import TableError
from handler.record import Record
from handler.safe_text import RecordLine

STOP_SECONDS = 1.0
"""How long a program that was interrupted, or failed, waits for what it is storing."""

log = logging.getLogger(__name__)


class FailedPut(NamedTuple):
    """A record that the table did not take, and why."""

    record: Record
    error: TableError


class PutResult(NamedTuple):
    """What became of records that were to be stored. A duplicate's slot was taken, and stays as it was: a success."""

    stored: int = 0
    duplicates: int = 0
    failed: Sequence[FailedPut] = ()


class Store(Protocol):
    """What a delivery needs of a table."""

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Store each record once, first write wins, retrying until `deadline` (monotonic clock); never raises."""


class RecordWriter:
    """Prints records and stores those that hold data. `write` takes a line and must not hold it back."""

    def __init__(self, write: Callable[[str], object], *, detail: bool, store: Store | None = None) -> None:
        self._write = write
        self._detail = detail
        self._store = store

    def deliver(self, records: Sequence[Record], deadline: float) -> PutResult:
        """Print, then store until `deadline` (monotonic clock). What can't be stored is told with its line.

        Raises OSError when nothing can be printed any more, after storing all the same.
        """
        try:
            for record in records:
                self._write(record.to_line(detail=self._detail))
        finally:
            stored = self._put(storable(records), deadline)
        return stored

    def _put(self, records: Sequence[Record], deadline: float) -> PutResult:
        if self._store is None or not records:
            return PutResult()
        stored = self._store.put(records, deadline)
        log_failed_puts(stored.failed)
        return stored


def storable(records: Sequence[Record]) -> list[Record]:
    """Those that hold data: a line that says that nothing could be measured is never stored."""
    return [record for record in records if record.has_data]


def log_failed_puts(failed: Sequence[FailedPut]) -> None:
    """Log each record that is not in the table as the line that `load` takes, with the reason."""
    for record, error in failed:
        log.error("not stored: %s: %s", error, RecordLine(record.to_line(detail=True)))


class BackgroundWriter:
    """Stores what it is given in a thread of its own, until the end of `with`; what waits meanwhile, all at once.

    Whatever is not stored is told, by the end of `with` at the latest; while no thread can be started, at once. `put`
    may be interrupted anywhere: it has then taken all of the records or none.
    """

    def __init__(self, store: Store) -> None:
        self.failed = 0
        """How many records were told as not stored."""
        self._store = store
        self._unsettled: deque[tuple[Sequence[Record], float]] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._thread: Thread | None = None

    def put(self, records: Sequence[Record], deadline: float) -> None:
        """Have each record stored once, retried until `deadline` (monotonic clock)."""
        self._unsettled.append((records, deadline))
        self._calls.put(True)
        self._start()
        if self._thread is None:
            self._tell_left("no thread could be started to store it: too many are running; `load` stores the line")
            self._unsettled.clear()

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = Thread(target=self._work, name="store", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the user or the machine has too many threads or too little memory, for now
            return
        self._thread = thread

    def _work(self) -> None:
        while self._calls.get():
            batches = self._unsettled.copy()
            if not batches:
                continue  # they were stored with those before them
            _, last_deadline = batches[-1]
            self._tell(self._put([record for records, _ in batches for record in records], last_deadline))
            for _ in batches:
                self._unsettled.popleft()

    def _put(self, records: Sequence[Record], deadline: float) -> Sequence[FailedPut]:
        try:
            return self._store.put(records, deadline).failed
        except Exception as error:  # memory ran out, for example: the next records may do better
            reason = TableError(f"the store failed ({type(error).__name__}: {error})")
            return [FailedPut(record, reason) for record in records]

    def _tell_left(self, reason: str) -> None:
        self._tell([FailedPut(record, TableError(reason)) for record in self._left()])

    def _tell(self, failed: Sequence[FailedPut]) -> None:
        self.failed += len(failed)
        log_failed_puts(failed)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._calls.put(False)
        try:
            if self._thread is not None:
                self._thread.join(STOP_SECONDS)
            if kind is None and self._thread is not None and self._thread.is_alive():
                log.warning("waiting for the table to take %d record(s)", len(self._left()))
                self._thread.join()
        finally:  # an interrupt ends the waiting
            self._tell_left("the program ended before the table had answered; `load` stores the line")

    def _left(self) -> list[Record]:
        return [record for records, _ in self._unsettled.copy() for record in records]
