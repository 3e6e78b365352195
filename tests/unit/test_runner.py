"""The loop keeps time: it never drifts, never bunches, and says what it left out."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from support.fakes import FakeClock, FakeExchange

from handler.errors import BookUnavailable, RegionUnavailable, RequestRejected, UsageError
from handler.exchanges.binance import parse_depth
from handler.record import Record
from handler.runner import Runner
from handler.sampler import Sampler

START = 1000.0
EMPTY = parse_depth(b'{"lastUpdateId":1,"bids":[],"asks":[]}')
REFUSED = RequestRejected("BUSDT: 127.0.0.1 rejects it: Invalid symbol. (code -1121)")


class Run:
    """A runner over a fake exchange, and what it emitted."""

    def __init__(self, clock: FakeClock, exchange: FakeExchange, *pairs: str, aligned: bool = False) -> None:
        self.records: list[Record] = []
        self.then: Callable[[str], object] = lambda symbol: None
        """Called after each line."""
        sampler = Sampler(exchange, pairs or ("AUSDT",), (5,))
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


def ticks(exchange: FakeExchange) -> list[float]:
    """When the exchange was asked, in seconds since the start."""
    return [moment - START for moment in exchange.moments]


def test_the_first_sample_is_taken_at_once_and_the_last_interval_is_not_waited_out(clock: FakeClock) -> None:
    exchange = FakeExchange(clock)
    assert Run(clock, exchange).runner.run(1) == 1
    assert (ticks(exchange), clock.slept) == ([0.0], [])


@pytest.mark.parametrize("aligned", [False, True])
def test_after_a_thousand_ticks_the_lateness_is_that_of_one(aligned: bool) -> None:
    clock = FakeClock(oversleep=0.25)
    exchange = FakeExchange(clock, lambda symbol: clock.advance(7.5))
    assert Run(clock, exchange, aligned=aligned).runner.run(1001) == 1001
    lateness = [moment - number * 60 for number, moment in enumerate(ticks(exchange))]
    assert min(lateness) >= 0
    assert max(lateness) <= 0.25


def test_it_sleeps_a_second_at_a_time_so_that_no_signal_waits_longer(clock: FakeClock) -> None:
    Run(clock, FakeExchange(clock)).runner.run(2)
    assert sum(clock.slept) == 60
    assert max(clock.slept) <= 1


def test_a_sleep_that_ends_early_is_not_a_tick() -> None:
    clock = FakeClock(oversleep=-0.001)
    exchange = FakeExchange(clock)
    Run(clock, exchange).runner.run(50)
    assert ticks(exchange) == pytest.approx([number * 60 for number in range(50)], abs=0.0011)
    assert min(ticks(exchange)[number] - number * 60 for number in range(50)) > -1e-6


def test_a_tick_that_overruns_skips_what_it_missed_and_says_so(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = FakeExchange(clock, on_turn(1, lambda: clock.advance(200.0)))
    run = Run(clock, exchange)
    assert run.runner.run(5) == 5
    assert ticks(exchange) == [0.0, 60.0, 260.0, 300.0, 360.0]
    assert [record.getMessage() for record in caplog.records] == [
        "skipped 2 interval(s): the last one took too long, or the clock was set"
    ]


def test_aligned_ticks_are_at_once_and_then_on_whole_multiples_of_the_interval(clock: FakeClock) -> None:
    clock.advance(17.25)
    run = Run(clock, FakeExchange(clock), aligned=True)
    run.runner.run(4)
    assert [record.timestamp[11:] for record in run.records] == ["12:00:17Z", "12:01:00Z", "12:02:00Z", "12:03:00Z"]


def test_ticks_that_are_not_aligned_are_counted_from_the_start(clock: FakeClock) -> None:
    clock.advance(17.25)
    run = Run(clock, FakeExchange(clock))
    run.runner.run(3)
    assert [record.timestamp[11:] for record in run.records] == ["12:00:17Z", "12:01:17Z", "12:02:17Z"]


@pytest.mark.parametrize("step", [-3600.0, 3600.0, 20.5])
def test_setting_the_wall_clock_does_not_move_ticks_that_are_not_aligned(clock: FakeClock, step: float) -> None:
    exchange = FakeExchange(clock, on_turn(1, lambda: clock.set_wall(step)))
    Run(clock, exchange).runner.run(4)
    assert ticks(exchange) == [0.0, 60.0, 120.0, 180.0]


@pytest.mark.parametrize(
    ("step", "times", "told"),
    [
        (-3600.0, ["11:01:00", "11:02:00"], []),
        (-70.0, ["11:59:50", "12:00:00"], []),
        (-10.0, ["12:02:00", "12:03:00"], []),
        (65.0, ["12:02:05", "12:03:00"], []),
        (3600.0, ["13:01:00", "13:02:00"], ["skipped 59 interval(s)"]),
    ],
)
def test_aligned_ticks_follow_the_wall_clock_when_it_is_set(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, step: float, times: list[str], told: list[str]
) -> None:
    run = Run(clock, FakeExchange(clock), aligned=True)
    run.then = on_turn(1, lambda: clock.set_wall(step))
    run.runner.run(4)
    assert [record.timestamp[11:19] for record in run.records] == ["12:00:00", "12:01:00", *times]
    assert [record.getMessage()[:22] for record in caplog.records] == told


def test_a_pair_refused_in_the_first_tick_is_the_users_mistake_before_anything_is_emitted(clock: FakeClock) -> None:
    def refuse(symbol: str) -> None:
        if symbol != "AUSDT":
            raise RequestRejected(f"{symbol} is unknown")

    run = Run(clock, FakeExchange(clock, refuse), "AUSDT", "BUSDT", "CUSDT")
    with pytest.raises(UsageError, match=r"^BUSDT is unknown; CUSDT is unknown$"):
        run.runner.run(3)
    assert (run.records, clock.slept) == ([], [])


def test_a_pair_refused_later_is_a_line_without_data_and_the_others_go_on(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def delist(symbol: str) -> None:
        if symbol == "BUSDT" and clock.monotonic() > START:
            raise REFUSED

    run = Run(clock, FakeExchange(clock, delist), "AUSDT", "BUSDT")
    assert run.runner.run(3) == 4
    assert run.lines == [("AUSDT", 296.0), ("BUSDT", 296.0), *[("AUSDT", 296.0), ("BUSDT", 0.0)] * 2]
    assert [record.getMessage() for record in caplog.records] == [str(REFUSED)] * 2


@pytest.mark.parametrize(("late", "given_up"), [(0.0, "12:00:00"), (59.5, "12:00:59")])
def test_what_could_not_be_measured_is_a_line_without_data_at_the_moment_it_was_given_up(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, late: float, given_up: str
) -> None:
    def fail(symbol: str) -> None:
        clock.advance(late)
        raise BookUnavailable("AUSDT: no book before its slot was over")

    run = Run(clock, FakeExchange(clock, fail))
    assert run.runner.run(1) == 0
    assert run.records == [Record(f"2026-11-21T{given_up}Z", "AUSDT", 0.0, 0.0, 0.0, 5)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_an_empty_book_is_a_line_without_data_and_a_word(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(clock, FakeExchange(clock, lambda symbol: EMPTY))
    assert run.runner.run(1) == 0
    assert run.lines == [("AUSDT", 0.0)]
    assert "AUSDT: the order book is empty" in caplog.text


def test_an_empty_book_is_told_once_for_all_depths(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    records: list[Record] = []
    sampler = Sampler(FakeExchange(clock, lambda symbol: EMPTY), ("AUSDT",), (5, 20))
    Runner(sampler, records.extend, interval_seconds=60, clock=clock).run(1)
    assert [record.levels for record in records] == [5, 20]
    assert [record.getMessage() for record in caplog.records] == ["AUSDT: the order book is empty"]


@pytest.mark.parametrize("turn", [0, 1])
def test_a_closed_region_ends_it_after_what_was_measured_and_without_lines_that_lie(
    clock: FakeClock, turn: int
) -> None:
    def close(symbol: str) -> None:
        if symbol == "BUSDT" and clock.monotonic() == START + 60 * turn:
            raise RegionUnavailable("closed to this region")

    run = Run(clock, FakeExchange(clock, close), "AUSDT", "BUSDT")
    with pytest.raises(RegionUnavailable):
        run.runner.run(5)
    assert run.lines == [("AUSDT", 296.0), ("BUSDT", 296.0)] * turn + [("AUSDT", 296.0)]
