"""One tick: every pair of every market once, whatever becomes of the others."""

from threading import Event

import pytest
from support.fakes import NOON, FakeClock, StubExchange, book, forbid_threads

from handler.clock import SYSTEM, Clock
from handler.errors import BookUnavailable, ExchangeError, RequestRejected
from handler.record import FULL_KEYS, Pair, no_data
from handler.sampler import Sample, Sampler

PAIRS = (Pair("AUSDT"), Pair("BUSDT", "usdm"), Pair("CUSDT"))
SLOT = int(NOON)


def sampler(exchange: StubExchange, clock: Clock = SYSTEM) -> Sampler:
    limits = {"spot": 1000, "usdm": 500}
    return Sampler(dict.fromkeys(limits, exchange), PAIRS, levels=5, limits=limits, interval_seconds=60, clock=clock)


def sample(exchange: StubExchange, clock: FakeClock) -> list[Sample]:
    return [found for group in sampler(exchange, clock).sample(clock.monotonic() + 60, SLOT) for found in group]


def test_full_record(clock: FakeClock) -> None:
    """A sample is the record of the book as it arrived, with its market and limit."""
    exchange = StubExchange(clock)
    first, second, _ = [found.record for found in sample(exchange, clock)]
    assert (first.timestamp, first.pair, first.obi, first.levels) == ("2026-11-21T12:00:00Z", "AUSDT", 0.491184, 5)
    assert (first.received_at, first.host, first.latency_ms) == ("2026-11-21T12:00:00.000Z", "127.0.0.1", 1.5)
    assert (first.limit, second.limit, second.pair, second.interval_seconds) == (1000, 500, "usdm:BUSDT", 60)
    assert sorted(exchange.requests) == [("AUSDT", 1000), ("BUSDT", 500), ("CUSDT", 1000)]
    assert all(
        getattr(first, key) is not None for key in FULL_KEYS if key not in ("exchange_time", "cache_age_seconds")
    )


@pytest.mark.parametrize("order", [("CUSDT", "BUSDT", "AUSDT"), ("BUSDT", "AUSDT", "CUSDT")])
def test_order(clock: FakeClock, order: tuple[str, ...]) -> None:
    """Samples come in the order of the pairs, whatever order the books arrive in."""
    arrived = {pair.symbol: Event() for pair in PAIRS}

    def in_this_order(symbol: str) -> None:
        if symbol != order[0]:
            assert arrived[order[order.index(symbol) - 1]].wait(10)
        arrived[symbol].set()

    found = sample(StubExchange(clock, in_this_order), clock)
    assert [each.record.symbol for each in found] == ["AUSDT", "BUSDT", "CUSDT"]


def test_hanging_request(request: pytest.FixtureRequest) -> None:
    """A request that hangs costs its own pair a timeout, in this tick and the next, and delays no other."""
    never = Event()
    request.addfinalizer(never.set)
    exchange = StubExchange(SYSTEM, lambda symbol: symbol == "AUSDT" and never.wait(60))
    hangs = sampler(exchange)
    for _ in range(2):
        groups = hangs.sample(SYSTEM.monotonic() + 0.3, int(SYSTEM.time()))
        found = {each.record.symbol: each for group in groups for each in group}
        assert found["AUSDT"].record.reason == "timeout"
        assert found["BUSDT"].error is found["CUSDT"].error is None
    assert exchange.overdue_ended >= 2
    assert [symbol for symbol, _ in exchange.requests].count("AUSDT") == 1


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (RequestRejected("no such pair"), "rejected"),
        (BookUnavailable("too late", "HTTP 503"), "HTTP 503"),
        (ZeroDivisionError("nobody foresaw this"), "connection"),
        (book([], []), "empty book"),
    ],
)
def test_failure(clock: FakeClock, outcome: object, reason: str) -> None:
    """One pair that fails, even unforeseen, is a reason with its slot's start, and does not affect the others."""

    def fail(symbol: str) -> object:
        if symbol == "BUSDT" and isinstance(outcome, Exception):
            raise outcome
        return symbol == "BUSDT" and outcome

    clock.advance(7)
    first, failed, last = sample(StubExchange(clock, fail), clock)
    assert failed.record == no_data("2026-11-21T12:00:00Z", PAIRS[1], 5, 60, reason)
    assert isinstance(failed.error, ExchangeError)
    assert first.error is last.error is None


def test_unforeseen_errors(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """One that nobody foresaw is logged once for its pair, with its traceback, however often it comes."""

    def fail(symbol: str) -> None:
        if symbol != "AUSDT":
            raise ZeroDivisionError

    ours = sampler(StubExchange(clock, fail), clock)
    for _ in range(3):
        list(ours.sample(clock.monotonic() + 60, SLOT))
    assert [bool(record.exc_info) for record in caplog.records] == [True, True]


@pytest.mark.parametrize(("late", "reason"), [(59.999, None), (60.0, "timeout"), (75.0, "timeout")])
def test_late_book(clock: FakeClock, late: float, reason: str | None) -> None:
    """A book that arrives when its slot is over belongs to another slot."""
    clock.set_wall(late)
    [found, *_] = sample(StubExchange(clock), clock)
    assert found.record.reason == reason
    assert found.record.timestamp == ("2026-11-21T12:00:00Z" if reason else "2026-11-21T12:00:59Z")


def test_no_thread(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, the pairs are sampled one after the other."""
    forbid_threads(monkeypatch)
    assert [each.error for each in sample(StubExchange(clock), clock)] == [None] * 3
