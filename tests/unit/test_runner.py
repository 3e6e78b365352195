"""The loop keeps to the grid of slots: it never drifts, never bunches, and logs what it skipped."""

from collections.abc import Callable, Sequence

import pytest
from support.fakes import FakeClock, StubExchange

from handler.errors import BookUnavailable, ExchangeError, RegionUnavailable, RequestRejected, UsageError
from handler.record import Pair, Record
from handler.runner import Runner
from handler.sampler import Sampler

START = FakeClock().monotonic()


class Run:
    """A runner over a fake exchange, and what it delivered."""

    def __init__(self, clock: FakeClock, exchange: StubExchange, *symbols: str) -> None:
        self.records: list[Record] = []
        self.then: Callable[[], object] = lambda: None
        pairs = [Pair(symbol) for symbol in symbols or ("AUSDT",)]
        sampler = Sampler({"spot": exchange}, pairs, levels=5, limits={"spot": 5}, interval_seconds=60, clock=clock)
        self.runner = Runner(sampler, self.deliver, interval_seconds=60, clock=clock)

    def deliver(self, records: Sequence[Record]) -> None:
        self.records += records
        self.then()

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(record.symbol, record.reason) for record in self.records]


def ticks(exchange: StubExchange) -> list[float]:
    """When each request came, in seconds since the start."""
    return [moment - START for moment in exchange.moments]


@pytest.mark.parametrize(
    ("start", "moments", "times_left"),
    [(17.25, [17.25, 60.0, 120.0], [42.75, 60.0, 60.0]), (59.5, [60.0, 120.0, 180.0], [60.0] * 3)],
)
def test_ticks(clock: FakeClock, start: float, moments: list[float], times_left: list[float]) -> None:
    """The first sample is taken at once, unless its slot is nearly over; a tick ends with its slot."""
    clock.advance(start)
    exchange = StubExchange(clock)
    assert Run(clock, exchange).runner.run(3) == 3
    assert ticks(exchange) == moments
    assert [end - now for now, end in zip(exchange.moments, exchange.deadlines, strict=True)] == times_left


def test_grid() -> None:
    """Ticks are at whole multiples of the interval; after a thousand the lateness is that of one."""
    clock = FakeClock(oversleep=0.25)
    clock.advance(17.25)
    exchange = StubExchange(clock, lambda symbol: clock.advance(7.5))
    assert Run(clock, exchange).runner.run(1001) == 1001
    lateness = [moment - number * 60 for number, moment in enumerate(ticks(exchange)) if number]
    assert 0 <= min(lateness) <= max(lateness) <= 0.25
    assert max(clock.slept) <= 1  # so that no signal waits longer


def test_early_wake_up() -> None:
    """A sleep that ends early is not a tick."""
    clock = FakeClock(oversleep=-0.001)
    run = Run(clock, StubExchange(clock))
    run.runner.run(50)
    assert [record.timestamp[14:19] for record in run.records] == [f"{number:02}:00" for number in range(50)]


@pytest.mark.parametrize(
    ("step", "times", "logged"),
    [
        (-3600.0, ["11:01:00", "11:02:00"], []),
        (65.0, ["12:02:05", "12:03:00"], []),
        (3600.0, ["13:01:00", "13:02:00"], ["skipped 59 slot(s)"]),
    ],
)
def test_wall_clock_set(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, step: float, times: list[str], logged: list[str]
) -> None:
    """Ticks follow the wall clock when it is set, or when the machine slept."""
    run = Run(clock, StubExchange(clock))
    run.then = lambda: clock.set_wall(step * (len(run.records) == 2))
    run.runner.run(4)
    assert [record.timestamp[11:19] for record in run.records] == ["12:00:00", "12:01:00", *times]
    assert [message[:18] for message in caplog.messages] == logged


def fails(error: ExchangeError, *symbols: str, after: float = -1.0, clock: FakeClock) -> Callable[[str], None]:
    """An exchange that fails for these pairs, once so many seconds have passed."""

    def act(symbol: str) -> None:
        if symbol in symbols and clock.monotonic() - START > after:
            raise error

    return act


def test_every_pair_rejected_at_first(clock: FakeClock) -> None:
    """If every pair is refused in the first tick, that is a UsageError before anything is delivered."""
    exchange = StubExchange(clock, fails(RequestRejected("no such pair"), "AUSDT", "BUSDT", clock=clock))
    run = Run(clock, exchange, "AUSDT", "BUSDT")
    with pytest.raises(UsageError, match=r"^no such pair; no such pair$"):
        run.runner.run(3)
    assert (run.records, clock.slept) == ([], [])


@pytest.mark.parametrize("after", [-1.0, 30.0])
def test_one_pair_rejected(clock: FakeClock, caplog: pytest.LogCaptureFixture, after: float) -> None:
    """A pair refused beside others, or later, costs only itself, and is logged once."""
    exchange = StubExchange(clock, fails(RequestRejected("no such pair"), "BUSDT", after=after, clock=clock))
    run = Run(clock, exchange, "AUSDT", "BUSDT")
    assert run.runner.run(3) == (3 if after < 0 else 4)
    assert run.outcomes[2:] == [("AUSDT", None), ("BUSDT", "rejected")] * 2
    assert caplog.messages == ["rejected: no such pair"]


def test_region(clock: FakeClock) -> None:
    """One that is blocked for all before the first success ends the run; later that is a reason."""
    run = Run(clock, StubExchange(clock, fails(RegionUnavailable("closed"), "AUSDT", after=30.0, clock=clock)))
    assert run.runner.run(3) == 1
    assert run.outcomes == [("AUSDT", None), ("AUSDT", "region"), ("AUSDT", "region")]
    run = Run(clock, StubExchange(clock, fails(RegionUnavailable("closed"), "AUSDT", clock=clock)))
    with pytest.raises(RegionUnavailable):
        run.runner.run(5)
    assert run.records == []


def test_episodes(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A reason is logged once while it lasts, whatever the number of pairs that fail for it."""
    failure = BookUnavailable("AUSDT: banned for an hour", "banned")
    exchange = StubExchange(clock, fails(failure, "AUSDT", "BUSDT", "CUSDT", after=30.0, clock=clock))
    run = Run(clock, exchange, "AUSDT", "BUSDT", "CUSDT")
    assert run.runner.run(10) == 3
    assert caplog.messages == ["banned: AUSDT: banned for an hour (other pairs too: 2)"]
