"""The loop keeps time: it never drifts, never bunches, and logs what it skipped."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from support.fakes import FakeClock, StubExchange, level_sampler

from handler.errors import BookUnavailable, RegionUnavailable, RequestRejected, UsageError
from handler.exchanges.binance import parse_depth
from handler.record import Record
from handler.runner import Runner

START = 1000.0
EMPTY = parse_depth(b'{"lastUpdateId":1,"bids":[],"asks":[]}')
REFUSED = RequestRejected("BUSDT: 127.0.0.1 rejects it: Invalid symbol. (code -1121)")


class Run:
    """A runner over a fake exchange, and what it emitted."""

    def __init__(self, clock: FakeClock, exchange: StubExchange, *pairs: str, aligned: bool = False) -> None:
        self.records: list[Record] = []
        self.then: Callable[[str], object] = lambda symbol: None
        """Called after each line."""
        sampler = level_sampler(exchange, pairs or ("AUSDT",), (5,))
        self.runner = Runner(sampler, self.emit, interval_seconds=60, aligned=aligned, clock=clock)

    def emit(self, records: Sequence[Record]) -> None:
        self.records += records
        for record in records:
            self.then(record.symbol)

    @property
    def lines(self) -> list[tuple[str, float]]:
        return [(record.symbol, record.notional_bid) for record in self.records]


def on_turn(number: int, act: Callable[[], object]) -> Callable[[str], object]:
    """Do something at the n-th call, from 0."""
    turns = count()
    return lambda symbol: next(turns) == number and act()


def ticks(exchange: StubExchange) -> list[float]:
    """When each request came, in seconds since the start."""
    return [moment - START for moment in exchange.moments]


def test_first_and_last_tick(clock: FakeClock) -> None:
    """The first sample is taken at once, and nothing is waited for after the last."""
    exchange = StubExchange(clock)
    assert Run(clock, exchange).runner.run(1) == 1
    assert (ticks(exchange), clock.slept) == ([0.0], [])


@pytest.mark.parametrize("aligned", [False, True])
def test_no_drift(aligned: bool) -> None:
    """After a thousand ticks the lateness is that of one."""
    clock = FakeClock(oversleep=0.25)
    exchange = StubExchange(clock, lambda symbol: clock.advance(7.5))
    assert Run(clock, exchange, aligned=aligned).runner.run(1001) == 1001
    lateness = [moment - number * 60 for number, moment in enumerate(ticks(exchange))]
    assert min(lateness) >= 0
    assert max(lateness) <= 0.25


def test_it_sleeps_a_second_at_a_time_so_that_no_signal_waits_longer(clock: FakeClock) -> None:
    Run(clock, StubExchange(clock)).runner.run(2)
    assert sum(clock.slept) == 60
    assert max(clock.slept) <= 1


def test_early_wake_up() -> None:
    """A sleep that ends early is not a tick."""
    clock = FakeClock(oversleep=-0.001)
    exchange = StubExchange(clock)
    Run(clock, exchange).runner.run(50)
    assert ticks(exchange) == pytest.approx([number * 60 for number in range(50)], abs=0.0011)
    assert min(ticks(exchange)[number] - number * 60 for number in range(50)) > -1e-6


def test_overrun(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A tick that overruns skips those that it missed, and logs how many."""
    exchange = StubExchange(clock, on_turn(1, lambda: clock.advance(200.0)))
    run = Run(clock, exchange)
    assert run.runner.run(5) == 5
    assert ticks(exchange) == [0.0, 60.0, 260.0, 300.0, 360.0]
    assert [record.getMessage() for record in caplog.records] == [
        "skipped 2 interval(s): the last one took too long, or the clock was set"
    ]


def test_aligned_ticks(clock: FakeClock) -> None:
    """Aligned ticks are at once, and then at whole multiples of the interval."""
    clock.advance(17.25)
    run = Run(clock, StubExchange(clock), aligned=True)
    run.runner.run(4)
    assert [record.timestamp[11:] for record in run.records] == ["12:00:17Z", "12:01:00Z", "12:02:00Z", "12:03:00Z"]


def test_unaligned_ticks(clock: FakeClock) -> None:
    """Ticks that are not aligned are counted from the start."""
    clock.advance(17.25)
    run = Run(clock, StubExchange(clock))
    run.runner.run(3)
    assert [record.timestamp[11:] for record in run.records] == ["12:00:17Z", "12:01:17Z", "12:02:17Z"]


@pytest.mark.parametrize("step", [-3600.0, 3600.0, 20.5])
def test_wall_clock_set_unaligned(clock: FakeClock, step: float) -> None:
    """Setting the wall clock does not move ticks that are not aligned."""
    exchange = StubExchange(clock, on_turn(1, lambda: clock.set_wall(step)))
    Run(clock, exchange).runner.run(4)
    assert ticks(exchange) == [0.0, 60.0, 120.0, 180.0]


@pytest.mark.parametrize(
    ("step", "times", "logged"),
    [
        (-3600.0, ["11:01:00", "11:02:00"], []),
        (-70.0, ["11:59:50", "12:00:00"], []),
        (-10.0, ["12:02:00", "12:03:00"], []),
        (65.0, ["12:02:05", "12:03:00"], []),
        (3600.0, ["13:01:00", "13:02:00"], ["skipped 59 interval(s)"]),
    ],
)
def test_wall_clock_set_aligned(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, step: float, times: list[str], logged: list[str]
) -> None:
    """Aligned ticks follow the wall clock when it is set."""
    run = Run(clock, StubExchange(clock), aligned=True)
    run.then = on_turn(1, lambda: clock.set_wall(step))
    run.runner.run(4)
    assert [record.timestamp[11:19] for record in run.records] == ["12:00:00", "12:01:00", *times]
    assert [record.getMessage()[:22] for record in caplog.records] == logged


def test_rejected_in_first_tick(clock: FakeClock) -> None:
    """A pair rejected in the first tick is a UsageError before anything is emitted."""

    def refuse(symbol: str) -> None:
        if symbol != "AUSDT":
            raise RequestRejected(f"{symbol} is unknown")

    run = Run(clock, StubExchange(clock, refuse), "AUSDT", "BUSDT", "CUSDT")
    with pytest.raises(UsageError, match=r"^BUSDT is unknown; CUSDT is unknown$"):
        run.runner.run(3)
    assert (run.records, clock.slept) == ([], [])


def test_rejected_later(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A pair rejected later is a line without data, and the others go on."""

    def delist(symbol: str) -> None:
        if symbol == "BUSDT" and clock.monotonic() > START:
            raise REFUSED

    run = Run(clock, StubExchange(clock, delist), "AUSDT", "BUSDT")
    assert run.runner.run(3) == 4
    assert run.lines == [("AUSDT", 296.0), ("BUSDT", 296.0), *[("AUSDT", 296.0), ("BUSDT", 0.0)] * 2]
    assert [record.getMessage() for record in caplog.records] == [str(REFUSED)] * 2


@pytest.mark.parametrize(("late", "given_up"), [(0.0, "12:00:00"), (59.5, "12:00:59")])
def test_no_data_line(clock: FakeClock, caplog: pytest.LogCaptureFixture, late: float, given_up: str) -> None:
    """A failed sample is a line without data, with the time when it was given up."""

    def fail(symbol: str) -> None:
        clock.advance(late)
        raise BookUnavailable("AUSDT: no book before its slot was over")

    run = Run(clock, StubExchange(clock, fail))
    assert run.runner.run(1) == 0
    assert run.records == [Record(f"2026-11-21T{given_up}Z", "AUSDT", 0.0, 0.0, 0.0, 5)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_empty_book(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """An empty book is a line without data and a warning."""
    run = Run(clock, StubExchange(clock, lambda symbol: EMPTY))
    assert run.runner.run(1) == 0
    assert run.lines == [("AUSDT", 0.0)]
    assert "AUSDT: the order book is empty" in caplog.text


def test_empty_book_at_several_depths(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """An empty book is logged once for all depths."""
    records: list[Record] = []
    sampler = level_sampler(StubExchange(clock, lambda symbol: EMPTY), ("AUSDT",), (5, 20))
    Runner(sampler, records.extend, interval_seconds=60, clock=clock).run(1)
    assert [record.levels for record in records] == [5, 20]
    assert [record.getMessage() for record in caplog.records] == ["AUSDT: the order book is empty"]


@pytest.mark.parametrize("turn", [0, 1])
def test_region_blocked(clock: FakeClock, turn: int) -> None:
    """A blocked region ends the run after what was measured, without lines for what was not."""

    def close(symbol: str) -> None:
        if symbol == "BUSDT" and clock.monotonic() == START + 60 * turn:
            raise RegionUnavailable("closed to this region")

    run = Run(clock, StubExchange(clock, close), "AUSDT", "BUSDT")
    with pytest.raises(RegionUnavailable):
        run.runner.run(5)
    assert run.lines == [("AUSDT", 296.0), ("BUSDT", 296.0)] * turn + [("AUSDT", 296.0)]


@pytest.mark.parametrize(
    ("aligned", "deadlines"), [(False, [60.0, 120.0, 300.0, 360.0]), (True, [42.75, 102.75, 282.75, 342.75])]
)
def test_deadline_is_the_end_of_the_tick(clock: FakeClock, aligned: bool, deadlines: list[float]) -> None:
    """Also of one that starts late: then there is less time."""
    clock.advance(17.25)
    start = clock.monotonic()
    exchange = StubExchange(clock, on_turn(1, lambda: clock.advance(190.0)))
    Run(clock, exchange, aligned=aligned).runner.run(4)
    assert [deadline - start for deadline in exchange.deadlines] == pytest.approx(deadlines)


def test_unaligned_by_default(clock: FakeClock) -> None:
    """Ticks are not aligned by default."""
    clock.advance(17.25)
    exchange = StubExchange(clock)
    Runner(level_sampler(exchange, ("AUSDT",), (5,)), lambda records: None, interval_seconds=60, clock=clock).run(2)
    assert ticks(exchange) == [17.25, 77.25]
