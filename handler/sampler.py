"""One tick: every pair of every market at the same moment, within the time that the slot leaves."""

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from . import __version__
from .book import Snapshot, measure, measure_depth
from .clock import MAX_SLEEP_SECONDS, SYSTEM, Clock
from .errors import BookUnavailable, ExchangeError
from .record import Pair, Record, no_data
from .slots import format_milliseconds, format_timestamp
from .workers import Workers

BOOK_OBJECTS = 20_000  # more than a book of 5000 levels has, so that no collection starts while one is read
LOG_AGAIN_SECONDS = 86_400
MAX_REORDER_WAIT_SECONDS = 1.0  # samples come in the order of the pairs, unless the next one takes longer than this
GRACE_SECONDS = 0.2  # for a request that ends at the deadline to say why it failed

log = logging.getLogger(__name__)


class DepthSource(Protocol):
    """A source of order books of one market, such as `exchange.client.BinanceClient`."""

    @property
    def used_weight(self) -> int | None:
        """Request weight used this minute, where the exchange counts and reports it."""

    def depth(self, symbol: str, limit: int, deadline: float, /) -> Snapshot:
        """Fetch the top levels, or raise an ExchangeError, by `deadline` (monotonic clock)."""

    def end_overdue(self) -> None:
        """End the requests of other threads that take longer than their time; called about once a second."""


class Sample(NamedTuple):
    """A measurement or, with the error that says why, the record of a reason."""

    record: Record
    error: ExchangeError | None = None


class Sampler:
    """Samples pairs of several markets. One request serves a pair; `limits` says how many levels, by market.

    Without `detail` the records are plain.
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
        self.pairs = tuple(pairs)
        self._exchanges = exchanges
        self._levels = levels
        self._limits = limits
        self._interval_seconds = interval_seconds
        self._detail = detail
        self._clock = clock
        self._workers = {market: Workers(market) for market in exchanges}
        self._unexpected: set[tuple[Pair, type[Exception]]] = set()  # errors that were logged

    def sample(self, deadline: float, slot: int) -> Iterator[list[Sample]]:
        """Sample every pair before `deadline` (monotonic clock), all at once, for the slot that starts at `slot`.

        Yields the samples as they come, every pair once, in the order of the pairs unless one takes long. A book that
        arrives after the slot's end belongs to another slot and is a failure. A request that hangs is ended, or
        abandoned where it cannot be ended.
        """
        done: SimpleQueue[tuple[Pair, Sample]] = SimpleQueue()
        for market, workers in self._workers.items():
            workers.run({pair: self._task(pair, deadline, slot, done) for pair in self.pairs if pair.market == market})
        remaining, ready = list(self.pairs), dict[Pair, Sample]()
        while remaining:
            self._wait(remaining[0], ready, done, deadline)
            if self._clock.monotonic() >= deadline + GRACE_SECONDS:
                for pair in remaining:
                    ready.setdefault(pair, self._failed(pair, slot, BookUnavailable(f"{pair}: no answer", "timeout")))
            in_order = list(takewhile(ready.__contains__, remaining))
            taken = {pair: ready.pop(pair) for pair in in_order or remaining if pair in ready}
            remaining = [pair for pair in remaining if pair not in taken]
            if taken:
                yield list(taken.values())

    def _wait(
        self, first: Pair, ready: dict[Pair, Sample], done: "SimpleQueue[tuple[Pair, Sample]]", deadline: float
    ) -> None:
        """Wait for the sample that is next in order, but no longer than patience and deadline allow."""
        end = min(self._clock.monotonic() + MAX_REORDER_WAIT_SECONDS, deadline + GRACE_SECONDS)
        while first not in ready and (seconds := end - self._clock.monotonic()) > 0:
            try:
                pair, sample = done.get(timeout=min(seconds, MAX_SLEEP_SECONDS))
            except Empty:
                for exchange in self._exchanges.values():
                    exchange.end_overdue()
                continue
            ready[pair] = sample
        while not done.empty():
            pair, sample = done.get()
            ready[pair] = sample

    def _task(
        self, pair: Pair, deadline: float, slot: int, done: "SimpleQueue[tuple[Pair, Sample]]"
    ) -> Callable[[], None]:
        return lambda: done.put((pair, self._sample(pair, deadline, slot)))

    def _sample(self, pair: Pair, deadline: float, slot: int) -> Sample:
        try:
            snapshot = self._exchanges[pair.market].depth(pair.symbol, self._limits[pair.market], deadline)
            if snapshot.received_at >= slot + self._interval_seconds:
                raise BookUnavailable(f"{pair}: the book arrived after its slot was over", "timeout")
            if snapshot.book.is_empty:
                raise BookUnavailable(f"{pair}: the order book is empty", "empty book")
            return Sample(self._record(pair, snapshot))
        except ExchangeError as error:
            return self._failed(pair, slot, error)
        except Exception as error:
            if (pair, type(error)) not in self._unexpected:
                self._unexpected.add((pair, type(error)))
                log.exception("%s: unexpected error in the request, which is logged once", pair)
            failure = BookUnavailable(f"{pair}: {type(error).__name__}: {error}", "connection")
            return self._failed(pair, slot, failure)

    def _record(self, pair: Pair, snapshot: Snapshot) -> Record:
        book, received_at = snapshot.book, format_milliseconds(snapshot.received_at)
        timestamp, measured = f"{received_at[:19]}Z", measure(book, self._levels)
        if not self._detail:
            return Record(timestamp, pair.symbol, *measured, self._levels, pair.market)
        exchange_time_ms, limit = book.exchange_time_ms, self._limits[pair.market]
        return Record(
            timestamp,
            pair.symbol,
            *measured,
            self._levels,
            pair.market,
            self._interval_seconds,
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
        self._clock = clock
        self._logged: dict[Pair, tuple[str, float]] = {}  # reason, and when it was logged

    def note(self, samples: Iterable[Sample]) -> None:
        """Log the reasons that are new."""
        now, new = self._clock.monotonic(), dict[str, list[ExchangeError]]()
        for record, error in samples:
            pair = Pair(record.symbol, record.market)
            reason, logged_at = self._logged.get(pair, ("", now))
            if error is None:
                self._logged.pop(pair, None)
            elif reason != error.reason or now - logged_at >= LOG_AGAIN_SECONDS:
                self._logged[pair] = error.reason, now
                new.setdefault(error.reason, []).append(error)
        for reason, (first, *others) in new.items():
            log.warning("%s: %s%s", reason, first, f" (other pairs too: {len(others)})" if others else "")


def resume_garbage_collection() -> None:
    """Collect garbage again: the entry points disable it while modules are loaded, since those are not garbage."""
    gc.freeze()
    gc.set_threshold(BOOK_OBJECTS)
    gc.enable()
