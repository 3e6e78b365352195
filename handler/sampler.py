"""One tick: every pair and depth, concurrently, within the time that the slot leaves."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, NamedTuple, Protocol

from handler.book import Book, Snapshot, measure
from handler.clock import MAX_WAIT_SECONDS
from handler.errors import BookUnavailable, EmptyBook, ExchangeError
from handler.record import DEFAULT_MARKET, Depth, Record
from handler.slots import format_milliseconds, format_timestamp, whole_milliseconds

MAX_WORKERS = 64
"""Threads that fetch at a time. More would cost handshakes, and gain little: one at a time runs Python."""


class Exchange(Protocol):
    """A source of order books, such as `exchanges.client.DepthClient`."""

    used_weight: int | None
    """Request weight used this minute, where the exchange counts and reports it; the function's metric UsedWeight."""

    def depth(self, symbol: str, limit: int, deadline: float, /) -> Snapshot:
        """Fetch the top levels, so many of each side, or raise an ExchangeError, by `deadline` (monotonic clock)."""


class FailedSample(NamedTuple):
    """A sample that could not be taken, and why."""

    symbol: str
    depth: Depth
    market: str
    error: ExchangeError


Sample = Record | FailedSample


class Sampler:
    """Samples all pairs of a market at all depths. One request for the top `limit` levels serves every depth of a pair.

    The records name the market and the interval; both are for readers, and change nothing in the sampling. Without
    `detail` the numbers that only a detailed record has are not computed.
    """

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        depths: Sequence[Depth],
        *,
        limit: int,
        interval_seconds: int,
        market: str = DEFAULT_MARKET,
        detail: bool = True,
    ) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._depths = depths
        self._limit = limit
        self._interval_seconds = interval_seconds
        self._market = market
        self._detail = detail
        self._pool = ThreadPoolExecutor(max_workers=min(MAX_WORKERS, len(symbols)), thread_name_prefix="fetch")

    @property
    def size(self) -> int:
        """Samples per tick."""
        return len(self._symbols) * len(self._depths)

    def sample(self, deadline: float, slot_end: float = float("inf")) -> Iterator[list[Sample]]:
        """Take every sample before `deadline` (monotonic clock), all requests at once.

        Yields the samples in the order of symbols and depths, as many at a time as are ready; every pair and depth
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
            snapshot = self._exchange.depth(symbol, self._limit, deadline)
            if snapshot.received_at >= slot_end:
                raise BookUnavailable(f"{symbol}: the book arrived after its slot was over")
            return self._measure(symbol, snapshot)
        except ExchangeError as error:
            return self._failed(symbol, error)

    def _failed(self, symbol: str, error: ExchangeError) -> list[Sample]:
        return [FailedSample(symbol, depth, self._market, error) for depth in self._depths]

    def _numbers(self, book: Book, depth: Depth) -> dict[str, Any]:
        return measure(book, depth.levels, depth.bps, detail=self._detail)._asdict()

    def _measure(self, symbol: str, snapshot: Snapshot) -> list[Sample]:
        book = snapshot.book
        record = partial(
            Record,
            timestamp=format_timestamp(snapshot.received_at),
            symbol=symbol,
            market=self._market,
            host=snapshot.host,
            received_at=format_milliseconds(whole_milliseconds(snapshot.received_at)),
            exchange_time=None if book.exchange_time_ms is None else format_milliseconds(book.exchange_time_ms),
            interval_seconds=self._interval_seconds,
            latency_ms=round(snapshot.latency_ms, 3),
        )
        records = [record(levels=depth.levels, bps=depth.bps, **self._numbers(book, depth)) for depth in self._depths]
        return [
            record if record.has_data else FailedSample(symbol, depth, self._market, _empty_book(symbol, depth))
            for record, depth in zip(records, self._depths, strict=True)
        ]


def _empty_book(symbol: str, depth: Depth) -> EmptyBook:
    reason = "the order book is empty" if depth.bps is None else "the order book has no mid: a side is empty"
    return EmptyBook(f"{symbol}: {reason}")


def _result(fetch: "Future[list[Sample]]") -> list[Sample]:
    while not fetch.done():
        wait([fetch], MAX_WAIT_SECONDS)
    return fetch.result()
