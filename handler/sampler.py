"""One tick: every pair and depth, concurrently, within the time that the slot leaves."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple, Protocol

from handler.book import Snapshot, measure
from handler.clock import MAX_WAIT_SECONDS
from handler.errors import BookUnavailable, EmptyBook, ExchangeError
from handler.record import Record
from handler.slots import format_timestamp

MAX_WORKERS = 32
"""Threads that fetch at a time. More cost handshakes and CPU, and gain little time, since all share one lock."""


class Exchange(Protocol):
    """A source of order books, such as `exchanges.client.DepthClient`."""

    used_weight: int | None
    """Request weight used this minute, where the exchange counts and reports it; the function's metric UsedWeight."""

    def depth(self, symbol: str, levels: int, deadline: float, /) -> Snapshot:
        """Fetch the top levels, or raise an ExchangeError, by `deadline` (monotonic clock)."""


class FailedSample(NamedTuple):
    """A sample that could not be taken, and why."""

    symbol: str
    levels: int
    error: ExchangeError


Sample = Record | FailedSample


class Sampler:
    """Samples all pairs at all depths. One request serves every depth of a pair."""

    def __init__(self, exchange: Exchange, symbols: Sequence[str], levels: Sequence[int]) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._levels = levels
        self._pool = ThreadPoolExecutor(max_workers=min(MAX_WORKERS, len(symbols)), thread_name_prefix="fetch")

    @property
    def size(self) -> int:
        """Samples per tick."""
        return len(self._symbols) * len(self._levels)

    def sample(self, deadline: float, slot_end: float = float("inf")) -> Iterator[list[Sample]]:
        """Take every sample before `deadline` (monotonic clock), all requests at once.

        Yields the samples in the order of symbols and levels, as many at a time as are ready; every pair and depth
        exactly once. A book that arrives at or after `slot_end` (wall clock) belongs to another slot and is a failure.
        """
        if len(self._symbols) == 1:  # in this thread: waking another one costs more than sampling
            yield self._fetch(self._symbols[0], deadline, slot_end)
            return
        fetches = deque(self._submit(symbol, deadline, slot_end) for symbol in self._symbols)
        while fetches:
            ready = _result(fetches.popleft())
            while fetches and fetches[0].done():
                ready += fetches.popleft().result()
            yield ready

    def _submit(self, symbol: str, deadline: float, slot_end: float) -> "Future[list[Sample]]":
        try:
            return self._pool.submit(self._fetch, symbol, deadline, slot_end)
        except RuntimeError as error:  # no thread can be started at the moment
            future: Future[list[Sample]] = Future()
            future.set_result(self._failed(symbol, BookUnavailable(f"{symbol}: not sampled: {error}")))
            return future

    def _fetch(self, symbol: str, deadline: float, slot_end: float) -> list[Sample]:
        try:
            snapshot = self._exchange.depth(symbol, max(self._levels), deadline)
            if snapshot.received_at >= slot_end:
                raise BookUnavailable(f"{symbol}: the book arrived after its slot was over")
            return [_sample(symbol, levels, snapshot) for levels in self._levels]
        except ExchangeError as error:
            return self._failed(symbol, error)

    def _failed(self, symbol: str, error: ExchangeError) -> list[Sample]:
        return [FailedSample(symbol, levels, error) for levels in self._levels]


def _result(fetch: "Future[list[Sample]]") -> list[Sample]:
    while not fetch.done():
        wait([fetch], MAX_WAIT_SECONDS)
    return fetch.result()


def _sample(symbol: str, levels: int, snapshot: Snapshot) -> Sample:
    record = Record(
        timestamp=format_timestamp(snapshot.received_at),
        symbol=symbol,
        levels=levels,
        host=snapshot.host,
        latency_ms=round(snapshot.latency_ms, 3),
        **measure(snapshot.book, levels)._asdict(),
    )
    return record if record.has_data else FailedSample(symbol, levels, EmptyBook(f"{symbol}: the order book is empty"))
