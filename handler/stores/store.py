"""The seam between samples and what keeps them, and a thread that stores beside the sampler."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import NamedTuple, Protocol, Self

from ..errors import StoreError
from ..record import Record

MAX_OVERRUN_SECONDS = 10.0  # beyond a deadline: an answer may trickle, and credentials may be refreshed
STOP_SECONDS = 1.0  # how long an interrupted or failed program waits for records that are being stored

Batch = tuple[Sequence[Record], float]  # with their deadline
log = logging.getLogger(__name__)


class FailedPut(NamedTuple):
    """A record that could not be stored, and why."""

    record: Record
    error: StoreError


class PutResult(NamedTuple):
    """What became of the records of a put, as numbers of measurements; reasons are listed only in `failed`.

    A duplicate is a success: its slot already has a measurement, which stays. `different` is how many of the duplicates
    differ from that measurement.
    """

    stored: int = 0
    duplicates: int = 0
    failed: Sequence[FailedPut] = ()
    different: int = 0


class Store(Protocol):
    """Something that keeps records, such as a table or a folder."""

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        """Store each record, retrying until `deadline` (monotonic clock); never raises.

        A plain record without data has nothing to store and is left out.
        """


class BackgroundWriter:
    """Stores records in a thread of its own, until the end of `with`.

    A record that is not stored is logged: when the store fails, when a `put` comes MAX_OVERRUN_SECONDS after the
    record's deadline, or at the end of `with`. If `put` is interrupted, all of its records are queued, or none. If no
    thread can be started, `put` itself stores them.
    """

    def __init__(self, store: Store) -> None:
        self.failed = 0  # records that were logged as not stored
        self._store = store
        self._pending: dict[int, Batch] = {}  # by their ids: what is neither stored nor logged
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()  # None: the end
        self._lock = Lock()
        self._thread = Thread(target=self._work, name="store", daemon=True)

    def put(self, records: Sequence[Record], deadline: float) -> None:
        """Have each record stored, retried until `deadline` (monotonic clock)."""
        self._give_up("the store does not answer", monotonic() - MAX_OVERRUN_SECONDS)
        batch = records, deadline
        self._pending[id(batch)] = batch
        if self._thread.is_alive():
            self._queue.put(batch)
        else:
            self._put(batch)

    def _work(self) -> None:
        while batch := self._queue.get():
            self._put(batch)

    def _put(self, batch: Batch) -> None:
        try:
            failed = self._store.put(*batch).failed
        except Exception as error:  # memory ran out, for example: the next records may do better
            reason = StoreError(f"the store failed ({type(error).__name__}: {error})")
            failed = [FailedPut(record, reason) for record in batch[0]]
        self._settle(batch, failed)

    def _give_up(self, why: str, before: float = inf) -> None:
        """Log the records of batches whose deadlines were before this moment."""
        error = StoreError(f"{why}; `load` stores the line")
        for batch in list(self._pending.values()):
            if batch[1] <= before:
                self._settle(batch, [FailedPut(record, error) for record in batch[0]])

    def _settle(self, batch: Batch, failures: Sequence[FailedPut]) -> None:
        """Log what is not stored of a batch, once. It is pending until then, so that no interrupt loses it."""
        with self._lock:
            if id(batch) in self._pending:
                self.failed += len(failures)
                for record, error in failures:
                    log.error("not stored: %s: %s", error, record.to_line())  # the line that `load` takes
                del self._pending[id(batch)]

    def __enter__(self) -> Self:
        with suppress(RuntimeError):  # the user or the machine has too many threads or too little memory, for now
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._queue.put(None)
        try:
            if self._thread.is_alive():
                self._thread.join(STOP_SECONDS)
            if kind is None and self._thread.is_alive():
                waiting = sum(len(records) for records, _ in list(self._pending.values()))
                log.warning("waiting for the store to take %d record(s)", waiting)
                self._thread.join()
        finally:  # an interrupt ends the waiting
            self._give_up("the program ended before the store responded")
