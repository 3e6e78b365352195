"""Several slots in one invocation, and the end of the function's time: real servers, and a clock that only we move."""

import pytest
from support.fakes import NOON, FakeClock, StartExchange, spot_client

from handler.errors import UsageError
from handler.invocation import Invocation, RecordWriter, Tally, slots_for_event
from handler.record import Record
from handler.sampler import Sampler
from handler.slots import format_timestamp, parse_timestamp


class Function:
    """Samples BTCUSDT of a stand-in exchange and prints to a list; it tells the time by the fake clock."""

    def __init__(self, exchange_url: str, clock: FakeClock) -> None:
        self.lines: list[str] = []
        self._clock = clock
        self._sampler = Sampler(spot_client(exchange_url, clock=clock), ["BTCUSDT"], [5])

    def run(self, *, interval_seconds: int, seconds: float, event: object = None) -> Tally:
        invocation = Invocation(
            self._sampler,
            RecordWriter(self.lines.append, detail=False),
            interval_seconds=interval_seconds,
            deadline=self._clock.monotonic() + seconds,
            clock=self._clock,
        )
        return invocation.run(
            slots_for_event(event or {"scheduled_time": format_timestamp(NOON)}, interval_seconds, NOON)
        )

    @property
    def seconds(self) -> list[float]:
        """When each record was taken, in seconds after noon."""
        return [parse_timestamp(Record.from_line(line).timestamp) - NOON for line in self.lines]


@pytest.fixture
def function(start_exchange: StartExchange, clock: FakeClock) -> Function:
    return Function(start_exchange().url, clock)


def test_an_interval_under_a_minute_is_several_slots_of_one_invocation(function: Function) -> None:
    tally = function.run(interval_seconds=10, seconds=75)
    assert function.seconds == [0, 10, 20, 30, 40, 50]
    assert (tally.sampled, tally.errors) == (6, [])
    assert tally.lags_seconds == [0] * 6


def test_slots_that_are_over_are_skipped_and_the_rest_are_sampled(function: Function, clock: FakeClock) -> None:
    clock.advance(25)
    tally = function.run(interval_seconds=10, seconds=75)
    assert function.seconds == [25, 30, 40, 50]
    assert (tally.sampled, tally.skipped, tally.errors) == (4, 2, [])


def test_a_late_invocation_of_a_minute_takes_what_is_left_of_it(function: Function, clock: FakeClock) -> None:
    clock.advance(59)
    tally = function.run(interval_seconds=60, seconds=75)
    assert (tally.sampled, tally.lags_seconds) == (1, [59])


def test_a_minute_that_has_gone_by_is_not_sampled(function: Function, clock: FakeClock) -> None:
    clock.advance(60)
    tally = function.run(interval_seconds=60, seconds=75)
    assert (tally.sampled, tally.skipped, function.lines) == (0, 1, [])


def test_slots_that_the_time_does_not_reach_are_failures_and_not_waited_for(
    function: Function, clock: FakeClock
) -> None:
    start = clock.monotonic()
    tally = function.run(interval_seconds=10, seconds=36)
    assert function.seconds == [0, 10, 20]
    assert (tally.sampled, tally.fetch_failures) == (3, 3)
    assert tally.errors[0] == f"the function has no time left for the slot {format_timestamp(NOON + 30)}"
    assert clock.monotonic() <= start + 26


def test_a_hung_exchange_leaves_time_to_store_and_to_report(start_exchange: StartExchange, clock: FakeClock) -> None:
    start = clock.monotonic()
    tally = Function(start_exchange("503*").url, clock).run(interval_seconds=60, seconds=30)
    assert (tally.sampled, tally.fetch_failures) == (0, 1)
    assert clock.monotonic() <= start + 20


def test_a_failed_slot_does_not_cost_the_next_one(start_exchange: StartExchange, clock: FakeClock) -> None:
    function = Function(start_exchange("delisted", "ok*").url, clock)
    tally = function.run(interval_seconds=20, seconds=75)
    assert (function.seconds, tally.sampled, tally.fetch_failures) == ([20, 40], 2, 1)


@pytest.mark.parametrize(
    ("event", "interval_seconds", "slots"),
    [
        ({"scheduled_time": format_timestamp(NOON)}, 60, [0]),
        ({"scheduled_time": format_timestamp(NOON)}, 20, [0, 20, 40]),
        ({"scheduled_time": "2026-11-21T13:00:00+01:00"}, 60, [0]),
        ({"scheduled_time": format_timestamp(NOON + 60)}, 60, [60]),
        ({"time": format_timestamp(NOON), "detail": {}}, 60, [0]),
        ({}, 60, [0]),
        ({}, 20, [20]),
        (None, 60, [0]),
    ],
)
def test_an_event_asks_for_the_slots_of_its_minute_or_for_the_running_one(
    event: object, interval_seconds: int, slots: list[int]
) -> None:
    assert [slot - NOON for slot in slots_for_event(event, interval_seconds, NOON + 25)] == slots


@pytest.mark.parametrize("event", ["no", [], 7, {"time": {}}, {"scheduled_time": "2026-11-22"}])
def test_any_other_event_is_refused(event: object) -> None:
    with pytest.raises(UsageError, match="send scheduled_time as YYYY-MM-DDThh:mm:ssZ"):
        slots_for_event(event, 60, NOON)
