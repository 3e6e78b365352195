"""Daemon threads for requests, some of which may hang."""

from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread

from .record import Pair

MAX_THREADS = 64  # at a time, of one market: more would cost handshakes, and only one at a time runs Python


class Workers:
    """Daemon threads that run at most one task of each pair; one that hangs occupies only its own thread."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._tasks: SimpleQueue[tuple[Pair, Callable[[], None]]] = SimpleQueue()
        self._running: set[Pair] = set()
        self._started = 0

    def run(self, tasks: Mapping[Pair, Callable[[], None]]) -> None:
        """Start each task, but not of a pair whose last one still runs. Without any thread, run them here."""
        hanging = len(self._running)
        for pair, task in tasks.items():
            if pair not in self._running:
                self._running.add(pair)
                self._tasks.put((pair, task))
        while self._started < min(len(tasks), MAX_THREADS + hanging):
            try:
                Thread(target=self._work, name=f"fetch {self._market}", daemon=True).start()
            except RuntimeError:  # the user or the machine has too many threads, for now
                break
            self._started += 1
        while self._started == 0 and not self._tasks.empty():
            self._run_next()

    def _work(self) -> None:
        while True:
            self._run_next()

    def _run_next(self) -> None:
        pair, task = self._tasks.get()
        try:
            task()
        finally:
            self._running.discard(pair)
