"""One tick: every pair and depth exactly once, in the order requested, whatever becomes of the others."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from threading import Event

import pytest
from support.fakes import NOON, FakeClock, StubExchange, level_sampler

from handler.errors import BookUnavailable, EmptyBook, ExchangeError, RequestRejected
from handler.exchanges.binance import parse_depth
from handler.record import Record
from handler.sampler import FailedSample, Sample

EMPTY = parse_depth(b'{"lastUpdateId":1,"bids":[],"asks":[]}')
PAIRS = ("AUSDT", "BUSDT", "CUSDT")


def sample(
    exchange: StubExchange, clock: FakeClock, levels: Sequence[int] = (5,), slot_end: float = NOON + 60
) -> list[Sample]:
    sampler = level_sampler(exchange, PAIRS, levels)
    return [found for group in sampler.sample(clock.monotonic() + 60, slot_end) for found in group]


def keys(samples: Sequence[Sample]) -> list[tuple[str, int]]:
    return [(found.symbol, found.levels if isinstance(found, Record) else found.depth.levels) for found in samples]


def error_of(found: Sample) -> ExchangeError:
    assert isinstance(found, FailedSample)
    return found.error


@contextmanager
def hanging() -> Iterator[Event]:
    """Something that never comes, until the test is over."""
    never = Event()
    try:
        yield never
    finally:
        never.set()


def test_sample(clock: FakeClock) -> None:
    """A sample is the record of the book as it arrived."""
    [found, *_] = sample(StubExchange(clock), clock)
    assert isinstance(found, Record)
    assert found[:6] == ("2026-11-21T12:00:00Z", "AUSDT", 0.491184, 296.0, 101.0, 5)
    assert (found.host, found.latency_ms, found.last_update_id) == ("127.0.0.1", 1.5, 1)


def test_several_depths(clock: FakeClock) -> None:
    """Several depths are one request, for the deepest."""
    exchange = StubExchange(clock)
    found = sample(exchange, clock, levels=(1, 20, 5))
    assert sorted(exchange.requests) == [(pair, 20) for pair in PAIRS]
    assert keys(found) == [(pair, levels) for pair in PAIRS for levels in (1, 20, 5)]
    assert [record.notional_bid for record in found[:3] if isinstance(record, Record)] == [198.0, 296.0, 296.0]


@pytest.mark.parametrize("order", list(permutations(PAIRS)))
def test_order(clock: FakeClock, order: tuple[str, ...]) -> None:
    """Samples come in the order requested, whatever order the books arrive in."""
    arrived = {pair: Event() for pair in PAIRS}

    def in_this_order(symbol: str) -> None:
        earlier = order[order.index(symbol) - 1]
        if symbol != order[0]:
            assert arrived[earlier].wait(10)
        arrived[symbol].set()

    assert keys(sample(StubExchange(clock, in_this_order), clock)) == [(pair, 5) for pair in PAIRS]


def test_ready_book(clock: FakeClock) -> None:
    """A book that is ready does not wait for a later one."""
    with hanging() as never:
        exchange = StubExchange(clock, lambda symbol: symbol == "CUSDT" and never.wait(60))
        groups = level_sampler(exchange, PAIRS, (5,)).sample(clock.monotonic() + 60)
        ready = keys(next(groups))
        ready += keys(next(groups)) if len(ready) == 1 else []
        assert ready == [("AUSDT", 5), ("BUSDT", 5)]


@pytest.mark.parametrize("error", [RequestRejected("no such pair"), BookUnavailable("too late")])
def test_bad_pair(clock: FakeClock, error: ExchangeError) -> None:
    """One bad pair does not affect the others."""

    def refuse(symbol: str) -> None:
        if symbol == "BUSDT":
            raise error

    first, bad, also_bad, last = sample(StubExchange(clock, refuse), clock, levels=(5, 20))[1:5]
    assert keys([first, bad, also_bad, last]) == [("AUSDT", 20), ("BUSDT", 5), ("BUSDT", 20), ("CUSDT", 5)]
    assert error_of(bad) is error_of(also_bad) is error
    assert isinstance(first, Record)
    assert isinstance(last, Record)


def test_empty_book(clock: FakeClock) -> None:
    """An empty book is a failed sample and not an imbalance of 0."""
    found = sample(StubExchange(clock, lambda symbol: EMPTY if symbol == "BUSDT" else None), clock)
    assert isinstance(error_of(found[1]), EmptyBook)
    assert "BUSDT" in str(error_of(found[1]))


@pytest.mark.parametrize(("side", "obi"), [("bids", 1.0), ("asks", -1.0)])
def test_one_sided_book(clock: FakeClock, side: str, obi: float) -> None:
    """A book with one side is measured."""
    other = "asks" if side == "bids" else "bids"
    half = parse_depth(json.dumps({side: [["1", "1"]], other: []}).encode())
    [found, *_] = sample(StubExchange(clock, lambda symbol: half), clock)
    assert isinstance(found, Record)
    assert (found.obi, found.mid, found.spread_bps) == (obi, None, None)


@pytest.mark.parametrize(("late", "kept"), [(59.999, True), (60.0, False), (75.0, False)])
def test_late_book(clock: FakeClock, late: float, kept: bool) -> None:
    """A book that arrives when its slot is over is a failed sample."""

    def arrive_late(symbol: str) -> None:
        if symbol == "AUSDT":
            clock.advance(late)

    exchange = StubExchange(clock, arrive_late)
    [samples] = level_sampler(exchange, PAIRS[:1], (5,)).sample(clock.monotonic() + 60, NOON + 60)
    assert isinstance(samples[0], Record) is kept
    if not kept:
        assert "after its slot was over" in str(error_of(samples[0]))
