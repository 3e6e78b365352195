"""One slot: every pair of every market at the same moment, within the time that the slot leaves."""

import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from . import __version__
from .book import Snapshot, measure, measure_depth
from .clock import MAX_SLEEP_SECONDS, SYSTEM, Clock
from .errors import BookUnavailable, ExchangeError
from .messages import Episodes
from .record import Pair, Record, no_data
from .slots import format_milliseconds, format_timestamp

BOOK_OBJECTS = 20_000  # more than a book of 5000 levels has, so that no collection starts while one is read
MAX_THREADS = 64  # of one market, beside those that hang; only one at a time runs Python
GRACE_SECONDS = 0.2  # for a request that ends at the deadline to say why it failed

log = logging.getLogger(__name__)


class DepthSource(Protocol):
    """A source of order books of one market, such as `exchange.client.BinanceClient`."""

    def depth(self, symbol: str, limit: int, deadline: float, /) -> Snapshot:
        """Fetch the top levels, or raise an ExchangeError, by `deadline` (monotonic clock)."""

    def end_overdue(self) -> None:
        """End the requests of other threads that take longer than their time; called about once a second."""


class Sample(NamedTuple):
    """A measurement or, with the error that says why, the record of a reason."""

    record: Record
    error: ExchangeError | None = None


class Workers:
    """Daemon threads for the requests of one market; one that hangs occupies only its own thread."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0

    def run(self, tasks: Sequence[Callable[[], None]], hanging: int) -> None:
        """Start the tasks although `hanging` older ones occupy threads; run them here if no thread can be started."""
        for task in tasks:
            self._tasks.put(task)
        while self._threads < min(len(tasks), MAX_THREADS) + hanging:
            try:
                Thread(target=self._work, name=f"fetch {self._market}", daemon=True).start()
            except RuntimeError:  # the user or the machine has too many threads, for now
                break
            self._threads += 1
        while self._threads == 0 and not self._tasks.empty():
            self._tasks.get()()

    def _work(self) -> None:
        while True:
            self._tasks.get()()


class Sampler:
    """Samples pairs of several markets. One request serves a pair; `limits` says how many levels, by market.

    Without `detail` the records of measurements are plain.
    """

    def __init__(
        self,
        exchanges: Mapping[str, DepthSource],
        pairs: Sequence[Pair],
        *,
        levels: int,
        limits: Mapping[str, int],
        interval_seconds: int,
        detail: bool = True,
        clock: Clock = SYSTEM,
    ) -> None:
        self._exchanges = exchanges
        self._pairs = tuple(pairs)
        self._levels = levels
        self._limits = limits
        self._interval_seconds = interval_seconds
        self._detail = detail
        self._clock = clock
        self._workers = {market: Workers(market) for market in exchanges}
        self._running: set[Pair] = set()  # pairs with a request under way
        self._episodes = Episodes(clock)

    def sample(self, deadline: float, slot: int) -> Iterator[list[Sample]]:
        """Sample every pair before `deadline` (monotonic clock), all at once, for the slot that starts at `slot`.

        Yields groups of samples as they arrive: each pair is in one group, and a group has the order of the pairs. A
        book that arrives after the end of its slot is a failure. A request that hangs is ended or, if that is
        impossible, abandoned; its pair is not fetched again until the request ends.
        """
        done: SimpleQueue[tuple[Pair, Sample]] = SimpleQueue()
        for market, workers in self._workers.items():
            pairs = [pair for pair in self._pairs if pair.market == market]
            idle = [pair for pair in pairs if pair not in self._running]
            self._running.update(idle)
            workers.run([partial(self._fetch, pair, deadline, slot, done) for pair in idle], len(pairs) - len(idle))
        remaining = set(self._pairs)
        while remaining:
            ready = self._gather(done, len(remaining), deadline + GRACE_SECONDS)
            if self._clock.monotonic() >= deadline + GRACE_SECONDS:
                for pair in remaining - ready.keys():
                    ready[pair] = self._failed(pair, slot, BookUnavailable(f"{pair}: no answer", "timeout"))
            remaining -= ready.keys()
            if ready:
                yield [ready[pair] for pair in self._pairs if pair in ready]

    def _gather(self, done: "SimpleQueue[tuple[Pair, Sample]]", count: int, end: float) -> dict[Pair, Sample]:
        """Wait for `count` samples until `end`, at most MAX_SLEEP_SECONDS; if some are missing, end overdue fetches."""
        ready = dict[Pair, Sample]()
        end = min(self._clock.monotonic() + MAX_SLEEP_SECONDS, end)
        try:
            while len(ready) < count:
                pair, sample = done.get(timeout=max(end - self._clock.monotonic(), 0.0))
                ready[pair] = sample
        except Empty:
            for exchange in self._exchanges.values():
                exchange.end_overdue()
        return ready

    def _fetch(self, pair: Pair, deadline: float, slot: int, done: "SimpleQueue[tuple[Pair, Sample]]") -> None:
        try:
            snapshot = self._exchanges[pair.market].depth(pair.symbol, self._limits[pair.market], deadline)
            if snapshot.received_at >= slot + self._interval_seconds:
                raise BookUnavailable(f"{pair}: the book arrived after its slot was over", "timeout")
            if snapshot.book.is_empty:
                raise BookUnavailable(f"{pair}: the order book is empty", "empty book")
            sample = Sample(self._record(pair, snapshot))
        except ExchangeError as error:
            sample = self._failed(pair, slot, error)
        except Exception as error:
            if self._episodes.is_new(type(error), pair):
                log.exception("%s: unexpected error in the request, which is logged once", pair)
            sample = self._failed(pair, slot, BookUnavailable(f"{pair}: {type(error).__name__}: {error}", "connection"))
        self._running.discard(pair)
        done.put((pair, sample))

    def _record(self, pair: Pair, snapshot: Snapshot) -> Record:
        book, received_at = snapshot.book, format_milliseconds(snapshot.received_at)
        measured = measure(book, self._levels)
        record = Record(f"{received_at[:19]}Z", pair.symbol, *measured, self._levels, pair.market)
        if not self._detail:
            return record
        exchange_time_ms, limit = book.exchange_time_ms, self._limits[pair.market]
        return replace(
            record,
            interval_seconds=self._interval_seconds,
            version=__version__,
            received_at=received_at,
            exchange_time=None if exchange_time_ms is None else format_milliseconds(exchange_time_ms / 1000),
            last_update_id=book.last_update_id,
            host=snapshot.host,
            latency_ms=round(snapshot.latency_ms, 3),
            cache_age_seconds=snapshot.cache_age_seconds,
            limit=limit,
            **measure_depth(book, limit),
        )

    def _failed(self, pair: Pair, slot: int, error: ExchangeError) -> Sample:
        record = no_data(format_timestamp(slot), pair, self._levels, self._interval_seconds, error.reason)
        return Sample(record, error)


class ReasonLog:
    """Logs why samples fail: one line for all pairs of a reason while it lasts, and again once a day."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._episodes = Episodes(clock)

    def note(self, samples: Iterable[Sample]) -> None:
        """Log the reasons that are new."""
        new = defaultdict[str, list[ExchangeError]](list)
        for record, error in samples:
            if error and self._episodes.is_new(error.reason, record.pair):
                new[error.reason].append(error)
        for reason, (first, *others) in new.items():
            log.warning("%s: %s%s", reason, first, f" (other pairs too: {len(others)})" if others else "")


def resume_garbage_collection() -> None:
    """Collect garbage again: the entry points disable it while modules are loaded, since those are not garbage."""
    gc.freeze()
    gc.set_threshold(BOOK_OBJECTS)
    gc.enable()
