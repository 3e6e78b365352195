"""Stores records in a thread beside the sampler, so that a store that hangs delays no sample."""

import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from ..errors import StoreError
from ..record import Record
from .store import FailedPut, Store

MAX_OVERRUN_SECONDS = 10.0  # beyond a deadline: an answer may trickle, and credentials may be refreshed
STOP_SECONDS = 1.0  # how long an interrupted or failed program waits for records that are being stored

log = logging.getLogger(__name__)


class BackgroundWriter:
    """Stores records in a thread of its own, until the end of `with`.

    What is not stored is logged, by the end of `with` at the latest; if the store hangs, by the first `put` long after
    a deadline. `put` may be interrupted anywhere: then all of its records are queued, or none. While no thread can be
    started, `put` itself stores them.
    """

    def __init__(self, store: Store) -> None:
        self.failed = 0  # records that were logged as not stored
        self._store = store
        self._pending: deque[tuple[Sequence[Record], float]] = deque()  # with deadlines, also during a put
        self._overdue = 0  # of these, from the left: were logged although the store has not answered yet
        self._lock = Lock()
        self._wake_ups: SimpleQueue[bool] = SimpleQueue()  # True for each batch, then False to end
        self._thread = Thread(target=self._work, name="store", daemon=True)

    def put(self, records: Sequence[Record], deadline: float) -> None:
        """Have each record stored, retried until `deadline` (monotonic clock)."""
        self._log_overdue()
        self._pending.append((records, deadline))
        if self._thread.is_alive():
            self._wake_ups.put(True)
        else:
            self._store_next()

    def _work(self) -> None:
        while self._wake_ups.get():
            self._store_next()

    def _store_next(self) -> None:
        records, deadline = self._pending[0]
        try:
            failed = self._store.put(records, deadline).failed
        except Exception as error:  # memory ran out, for example: the next records may do better
            reason = StoreError(f"the store failed ({type(error).__name__}: {error})")
            failed = [FailedPut(record, reason) for record in records]
        with self._lock:
            if self._overdue:
                self._overdue -= 1
            else:
                self._log(failed)
            self._pending.popleft()

    def _log_overdue(self) -> None:
        reason = StoreError("the store does not answer; `load` stores the line")
        with self._lock:
            for records, deadline in islice(self._pending, self._overdue, None):
                if monotonic() < deadline + MAX_OVERRUN_SECONDS:
                    return
                self._log([FailedPut(record, reason) for record in records])
                self._overdue += 1

    def _log(self, failures: Sequence[FailedPut]) -> None:
        self.failed += len(failures)
        for record, error in failures:
            log.error("not stored: %s: %s", error, record.to_line())  # the line that `load` takes

    def __enter__(self) -> Self:
        with suppress(RuntimeError):  # the user or the machine has too many threads or too little memory, for now
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wake_ups.put(False)
        try:
            if self._thread.is_alive():
                self._thread.join(STOP_SECONDS)
            if kind is None and self._thread.is_alive():
                log.warning("waiting for the store to take %d record(s)", sum(len(each) for each, _ in self._pending))
                self._thread.join()
        finally:  # an interrupt ends the waiting
            reason = StoreError("the program ended before the store responded; `load` stores the line")
            waiting = islice(self._pending.copy(), self._overdue, None)
            self._log([FailedPut(record, reason) for records, _ in waiting for record in records])
