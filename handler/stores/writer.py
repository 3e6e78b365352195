"""Storing beside the sampler, so that a store that hangs holds up no sample."""

import logging
from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from ..clock import MAX_WAIT_SECONDS
from ..errors import StoreError
from ..record import Record
from .store import FailedPut, Store, log_failed_put

STOP_SECONDS = 1.0  # how long an interrupted or failed program waits for records that are being stored

log = logging.getLogger(__name__)


class BackgroundWriter:
    """Stores records in a thread of its own, until the end of `with`. Batches queued during a put are merged.

    What is not stored is logged, by the end of `with` at the latest; at once while no thread can be started. `put` may
    be interrupted anywhere: then all of its records are queued, or none.
    """

    def __init__(self, store: Store) -> None:
        self.failed = 0  # records that were logged as not stored
        self._store = store
        self._pending: deque[tuple[Sequence[Record], float]] = deque()  # with deadlines, also during a put
        self._wake_ups: SimpleQueue[bool] = SimpleQueue()  # True for each batch, then False to end
        self._thread: Thread | None = None

    def put(self, records: Sequence[Record], deadline: float) -> None:
        """Have each record stored, retried until `deadline` (monotonic clock)."""
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
            reason = StoreError(f"the store failed ({type(error).__name__}: {error})")
            return [FailedPut(record, reason) for record in records]

    def _log_pending(self, reason: str) -> None:
        self._log([FailedPut(record, StoreError(reason)) for record in self._pending_records()])

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
                log.warning("waiting for the store to take %d record(s)", len(self._pending_records()))
                while self._thread.is_alive():
                    self._thread.join(MAX_WAIT_SECONDS)
        finally:  # an interrupt ends the waiting
            self._log_pending("the program ended before the store responded; `load` stores the line")
