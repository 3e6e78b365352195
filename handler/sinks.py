"""Where records go: what a store promises, the log line of a record that was not stored, and storing in parallel."""

import logging
from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from handler.clock import MAX_WAIT_SECONDS
from handler.errors import TableError
from handler.record import Record
from handler.safe_text import RecordLine

STOP_SECONDS = 1.0
"""How long a program that was interrupted, or failed, waits for records that are being stored."""

log = logging.getLogger(__name__)


class FailedPut(NamedTuple):
    """A record that could not be stored, and why."""

    record: Record
    error: TableError


class PutResult(NamedTuple):
    """How many records were stored. A duplicate's slot already holds a record, which stays: a success.

    `different`: those of the duplicates whose slot holds another sample.
    """

    stored: int = 0
    duplicates: int = 0
    failed: Sequence[FailedPut] = ()
    different: int = 0


class Store(Protocol):
    """Something that keeps records, such as a table."""

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Store each record once, first write wins, retrying until `deadline` (monotonic clock); never raises."""


def log_failed_put(failed: FailedPut) -> None:
    """Log a record that is not in the table as the line that `load` takes, with the reason."""
    log.error("not stored: %s: %s", failed.error, RecordLine(failed.record.to_line(detail=True)))


class BackgroundWriter:
    """Stores records in a thread of its own, until the end of `with`. Batches queued during a write are merged.

    What is not stored is logged, by the end of `with` at the latest; at once while no thread can be started. `put` may
    be interrupted anywhere: then all of the records are queued, or none.
    """

    def __init__(self, store: Store) -> None:
        self.failed = 0
        """How many records were logged as not stored."""
        self._store = store
        self._pending: deque[tuple[Sequence[Record], float]] = deque()
        """Batches that are queued or being stored, each with its deadline."""
        self._wake_ups: SimpleQueue[bool] = SimpleQueue()
        """True for each batch, then False to end."""
        self._thread: Thread | None = None

    def put(self, records: Sequence[Record], deadline: float) -> None:
        """Have each record stored once, retried until `deadline` (monotonic clock)."""
        self._pending.append((records, deadline))
        self._wake_ups.put(True)
        self._start()
        if self._thread is None:
            self._log_pending("no thread could be started to store it: too many are running; `load` stores the line")
            self._pending.clear()

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
        while self._wake_ups.get():
            batches = self._pending.copy()
            if not batches:
                continue  # they were merged with an earlier batch
            _, last_deadline = batches[-1]
            self._log(self._put([record for records, _ in batches for record in records], last_deadline))
            for _ in batches:
                self._pending.popleft()

    def _put(self, records: Sequence[Record], deadline: float) -> Sequence[FailedPut]:
        try:
            return self._store.put(records, deadline).failed
        except Exception as error:  # memory ran out, for example: the next records may do better
            reason = TableError(f"the store failed ({type(error).__name__}: {error})")
            return [FailedPut(record, reason) for record in records]

    def _log_pending(self, reason: str) -> None:
        self._log([FailedPut(record, TableError(reason)) for record in self._pending_records()])

    def _log(self, failures: Sequence[FailedPut]) -> None:
        self.failed += len(failures)
        for failed in failures:
            log_failed_put(failed)

    def _pending_records(self) -> list[Record]:
        return [record for records, _ in self._pending.copy() for record in records]

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wake_ups.put(False)
        try:
            if self._thread is not None:
                self._thread.join(STOP_SECONDS)
            if kind is None and self._thread is not None and self._thread.is_alive():
                log.warning("waiting for the table to store %d record(s)", len(self._pending_records()))
                while self._thread.is_alive():
                    self._thread.join(MAX_WAIT_SECONDS)
        finally:  # an interrupt ends the waiting
            self._log_pending("the program ended before the table responded; `load` stores the line")
