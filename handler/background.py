"""Storing beside sampling, so that a table that is slow or away holds up no sample."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from handler.delivery import Store, Stored, Unstored, tell
from handler.errors import TableError
from handler.record import Record

STOP_SECONDS = 1.0
"""How long an interrupted program waits for what it is storing."""


class Background:
    """A store that is written to in a thread of its own, in order, until the end of `with`.

    `put` returns at once, with nothing counted. What could not be stored is told; so is, at the end, what an interrupt
    left no time for.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._waiting: dict[Future[None], Sequence[Record]] = {}

    def put(self, records: Sequence[Record], deadline: float) -> Stored:
        """Store each record once, retrying until `deadline` (monotonic clock), however long others take before."""
        for done in [future for future in self._waiting if future.done()]:
            del self._waiting[done]
            done.result()  # nothing, or what only a bug can raise
        self._waiting[self._pool.submit(self._put, records, deadline)] = records
        return Stored()

    def _put(self, records: Sequence[Record], deadline: float) -> None:
        tell(self._store.put(records, deadline).failed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        wait(self._waiting, timeout=STOP_SECONDS if interrupted else None)
        left = [record for future, records in self._waiting.items() if not future.done() for record in records]
        stopped = TableError("the program was stopped before the table had answered")
        tell([Unstored(record, stopped) for record in left])
