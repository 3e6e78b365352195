"""Several slots in one invocation, and the end of the function's time: real servers, and a clock that only we move."""

from collections.abc import Callable, Iterable, Sequence

import pytest
from support.fakes import NOON, FakeClock, StartExchange, StubExchange, level_sampler, spot_client

from handler.errors import RequestRejected, TableError, UsageError
from handler.exchanges.binance import parse_depth
from handler.invocation import EventSlots, Invocation, RecordWriter, RejectedPairs, Tally, slots_for_event
from handler.record import Record
from handler.sinks import FailedPut, PutResult
from handler.slots import format_timestamp, parse_timestamp


def total(tallies: Iterable[Tally]) -> Tally:
    """The tallies of all minutes together."""
    found = Tally()
    for tally in tallies:
        found.add(tally)
    return found


def only(slot: float, count: int = 1) -> EventSlots:
    """So many minutes from a slot on, at 60 s."""
    return EventSlots(range(int(slot), int(slot) + 60 * count, 60))


class Function:
    """Samples BTCUSDT of a stand-in exchange and prints to a list; its time is that of the fake clock."""

    def __init__(self, exchange_url: str, clock: FakeClock) -> None:
        self.lines: list[str] = []
        self._clock = clock
        self._sampler = level_sampler(spot_client(exchange_url, clock=clock), ["BTCUSDT"], [5])

    def run(self, *, interval_seconds: int, seconds: float, event: object = None) -> Tally:
        invocation = Invocation(
            self._sampler,
            RecordWriter(self.lines.append, detail=False),
            interval_seconds=interval_seconds,
            deadline=self._clock.monotonic() + seconds,
            clock=self._clock,
        )
        requested = slots_for_event(
            event or {"scheduled_time": format_timestamp(NOON)}, interval_seconds, self._clock.time()
        )
        return total(invocation.run(requested))

    @property
    def seconds(self) -> list[float]:
        """When each record was taken, in seconds after noon."""
        return [parse_timestamp(Record.from_line(line).timestamp) - NOON for line in self.lines]


@pytest.fixture
def function(start_exchange: StartExchange, clock: FakeClock) -> Function:
    return Function(start_exchange().url, clock)


def test_several_slots(function: Function) -> None:
    """Below 60 s it samples the slots of its minute, and goes on for three and a half more, each a little later."""
    tally = function.run(interval_seconds=10, seconds=285)
    assert function.seconds == [*range(0, 120, 10), *range(121, 270, 10)]
    assert tally.lags_seconds == pytest.approx([0] * 6 + [0.5] * 6 + [1] * 15)
    assert (tally.sampled, tally.errors) == (27, [])


def test_late_event(function: Function, clock: FakeClock) -> None:
    """Below 60 s it begins with the next slot; the current one and earlier ones are for the invocation before it."""
    clock.advance(25)
    tally = function.run(interval_seconds=10, seconds=75)
    assert function.seconds[:4] == [30, 40, 50, 60]
    assert (tally.skipped, tally.errors) == (0, [])


def test_late_in_its_minute(function: Function, clock: FakeClock) -> None:
    """At 60 s a late invocation samples what is left of its minute."""
    clock.advance(59)
    tally = function.run(interval_seconds=60, seconds=75)
    assert (tally.sampled, tally.lags_seconds) == (1, [59])


@pytest.mark.parametrize("late", [60, 61, 3600, 86_400.5])
@pytest.mark.parametrize("interval_seconds", [10, 60])
def test_minute_that_is_over(function: Function, clock: FakeClock, interval_seconds: int, late: float) -> None:
    """An event that comes after its minute samples the current slot or the next one, one that is very old only that."""
    clock.advance(late)
    tally = function.run(interval_seconds=interval_seconds, seconds=75)
    assert late <= function.seconds[0] + 1 <= late + 11.5
    assert tally.skipped == 0
    assert tally.sampled == 1 or late < 270


def test_slots_after_the_end(function: Function, clock: FakeClock) -> None:
    """Slots of its own minute after the function's end are failures, and not waited for; later ones are not missed."""
    start = clock.monotonic()
    tally = function.run(interval_seconds=10, seconds=36)
    assert function.seconds == [0, 10, 20]
    assert (tally.sampled, tally.fetch_failures) == (3, 3)
    assert tally.errors[0] == f"the function has no time left for the slot {format_timestamp(NOON + 30)}"
    assert clock.monotonic() <= start + 26


def test_failing_exchange(start_exchange: StartExchange, clock: FakeClock) -> None:
    """A failing exchange leaves time to store and to report."""
    start = clock.monotonic()
    tally = Function(start_exchange("503*").url, clock).run(interval_seconds=60, seconds=30)
    assert (tally.sampled, tally.fetch_failures) == (0, 1)
    assert clock.monotonic() <= start + 20


def test_failed_slot(start_exchange: StartExchange, clock: FakeClock) -> None:
    """A failed slot does not cost the next one."""
    function = Function(start_exchange("delisted", "ok", "delisted", "ok*").url, clock)
    tally = function.run(interval_seconds=20, seconds=75)
    assert (function.seconds, tally.sampled, tally.rejected) == ([20, 60], 2, 2)


@pytest.mark.parametrize(
    ("event", "interval_seconds", "slots"),
    [
        ({"scheduled_time": format_timestamp(NOON)}, 60, [0]),
        ({"scheduled_time": format_timestamp(NOON)}, 20, range(40, 270, 20)),
        ({"scheduled_time": "2026-11-21T13:00:00+01:00"}, 60, [0]),
        ({"scheduled_time": format_timestamp(NOON + 60)}, 60, [60]),
        ({"scheduled_time": format_timestamp(NOON + 60)}, 20, range(60, 330, 20)),
        ({"scheduled_time": format_timestamp(NOON - 60)}, 60, [0]),
        ({"scheduled_time": format_timestamp(NOON - 120)}, 20, range(40, 150, 20)),
        ({"scheduled_time": format_timestamp(NOON)}, 25, range(25, 270, 25)),
        ({"scheduled_time": format_timestamp(NOON - 600)}, 20, [20]),
        ({"time": format_timestamp(NOON), "detail": {}}, 60, [0]),
        ({}, 60, [0]),
        ({}, 20, [20]),
        (None, 60, [0]),
    ],
)
def test_slots_for_event(event: object, interval_seconds: int, slots: Sequence[int]) -> None:
    """At 60 s the slots of its minute; below, those from the next or just begun one on, with a hand-over; or one."""
    assert [slot - NOON for slot in slots_for_event(event, interval_seconds, NOON + 25).slots] == list(slots)


@pytest.mark.parametrize(("age", "first"), [(0, 0), (0.45, 0), (0.55, 10)])
def test_slot_that_began_just_now(age: float, first: int) -> None:
    """Below 60 s it is not yet too late to be the first in a slot, since an older invocation samples it later."""
    event = {"scheduled_time": format_timestamp(NOON)}
    assert slots_for_event(event, 10, NOON + age).slots[0] - NOON == first


@pytest.mark.parametrize("event", ["no", [], 7, {"time": {}}, {"scheduled_time": "2026-11-22"}])
def test_invalid_event(event: object) -> None:
    """Any other event is rejected."""
    with pytest.raises(UsageError, match="send scheduled_time as YYYY-MM-DDThh:mm:ssZ"):
        slots_for_event(event, 60, NOON)


class FakeStore:
    """Notes the deadlines that it is given; `act` says what becomes of the records."""

    def __init__(self, act: Callable[[Sequence[Record]], PutResult]) -> None:
        self.deadlines: list[float] = []
        self._act = act

    def put(self, records: Sequence[Record], deadline: float) -> PutResult:
        self.deadlines.append(deadline)
        return self._act(records)


def stored(records: Sequence[Record]) -> PutResult:
    return PutResult(len(records))


def one_duplicate_one_failed(records: Sequence[Record]) -> PutResult:
    return PutResult(0, 1, [FailedPut(records[0], TableError("no such table"))])


def invocation(exchange: StubExchange, clock: FakeClock, store: FakeStore, seconds: float) -> Invocation:
    """A function that samples a pair at two depths, with so many seconds until its end."""
    return Invocation(
        level_sampler(exchange, ["BTCUSDT"], [1, 5]),
        RecordWriter(lambda line: None, detail=False, store=store),
        interval_seconds=60,
        deadline=clock.monotonic() + seconds,
        clock=clock,
    )


@pytest.mark.parametrize(
    ("tally", "slots"),
    [
        (Tally(sampled=4, stored=4), 2.0),
        (Tally(sampled=4, stored=2), 1.0),
        (Tally(sampled=3, stored=3, fetch_failures=1), 1.5),
        (Tally(sampled=2, stored=2, rejected=2), 2.0),
        (Tally(), 0.0),
    ],
)
def test_stored_slots(tally: Tally, slots: float) -> None:
    """Slots of two records: what is not stored costs its share, and a rejected pair none."""
    assert tally.stored_slots(2) == slots


def test_rejected_pair(caplog: pytest.LogCaptureFixture) -> None:
    """A rejected pair is logged once a day."""
    clock = FakeClock()
    rejected = RejectedPairs(clock)
    for seconds in (0, 60, 80_000, 6_400):
        clock.advance(seconds)
        rejected.log("NONEUSDT", RequestRejected("no such pair"))
    assert [entry.getMessage() for entry in caplog.records] == ["no such pair"] * 2


def test_new_tally() -> None:
    """A tally starts at zero."""
    assert Tally() == Tally(0, 0, 0, 0, 0, 0, 0, [], [])


@pytest.mark.parametrize(("seconds", "fetching", "storing"), [(75, 60, 69.5), (36, 26, 30.5), (6, 1, 2), (3, 0.5, 1)])
def test_time_kept_for_storing(clock: FakeClock, seconds: float, fetching: float, storing: float) -> None:
    """Fetching ends with the slot, but some seconds before the function does, or a share where there are few."""
    exchange, store, start = StubExchange(clock), FakeStore(stored), clock.monotonic()
    tally = total(invocation(exchange, clock, store, seconds).run(only(NOON)))
    assert (tally.sampled, tally.stored) == (2, 2)
    assert [deadline - start for deadline in exchange.deadlines] == pytest.approx([fetching])
    assert [deadline - start for deadline in store.deadlines] == pytest.approx([storing])


@pytest.mark.parametrize(("late", "requests"), [(0.25, 1), (0.75, 1), (1.0, 0), (1.25, 0)])
def test_no_time_left_to_fetch(clock: FakeClock, late: float, requests: int) -> None:
    """No request is sent once fetching has ended; each sample of the slot is a failure then."""
    exchange = StubExchange(clock)
    run = invocation(exchange, clock, FakeStore(stored), 6)
    clock.advance(late)
    tally = total(run.run(only(NOON)))
    assert len(exchange.requests) == requests
    assert (tally.sampled, tally.fetch_failures) == ((2, 0) if requests else (0, 2))


@pytest.mark.parametrize("early", [0.25, 1.0, 30.0])
def test_early_event(clock: FakeClock, early: float) -> None:
    """An event that comes early waits for its slot."""
    clock.advance(-early)
    tally = total(invocation(StubExchange(clock), clock, FakeStore(stored), 75).run(only(NOON)))
    assert (tally.sampled, tally.lags_seconds, clock.slept) == (2, [0], [early])


def test_tally_of_stored(clock: FakeClock) -> None:
    """Over several slots each sample is counted once: stored, a duplicate, or not stored, with the reason."""
    store = FakeStore(one_duplicate_one_failed)
    tally = total(invocation(StubExchange(clock), clock, store, 200).run(only(NOON, 2)))
    assert (tally.sampled, tally.stored, tally.duplicates, tally.store_failures) == (4, 0, 2, 2)
    assert tally.errors == ["no such table"] * 2


def test_tally_of_missing(clock: FakeClock) -> None:
    """An empty book is skipped, a slot that is over too; neither is an error."""
    empty = StubExchange(clock, lambda symbol: parse_depth(b'{"bids":[],"asks":[]}'))
    tally = total(invocation(empty, clock, FakeStore(stored), 200).run(only(NOON - 60, 3)))
    assert (tally.sampled, tally.skipped, tally.fetch_failures, tally.errors) == (0, 6, 0, [])


def handing_over(clock: FakeClock, act: Callable[[Sequence[Record]], PutResult]) -> list[Tally]:
    """The tallies of an invocation at 10 s, whose records become what `act` says."""
    run = Invocation(
        level_sampler(StubExchange(clock), ["BTCUSDT"], [1, 5], 10),
        RecordWriter(lambda line: None, detail=False, store=FakeStore(act)),
        interval_seconds=10,
        deadline=clock.monotonic() + 285,
        clock=clock,
    )
    return list(run.run(slots_for_event({"scheduled_time": format_timestamp(NOON)}, 10, clock.time())))


@pytest.mark.parametrize(("taken_over_at", "slots"), [(0, 1), (10, 2), (30, 4), (60, 7), (70, 8), (999, 27)])
def test_hand_over(clock: FakeClock, taken_over_at: int, slots: int) -> None:
    """It ends once another one stores."""
    start = clock.time()

    def act(records: Sequence[Record]) -> PutResult:
        is_late = clock.time() - start >= taken_over_at
        return PutResult(0, len(records)) if is_late else PutResult(len(records))

    tallies = handing_over(clock, act)
    assert total(tallies).sampled == 2 * slots
    assert len(tallies) == -(-slots // 6)  # one for each minute


def test_hand_over_of_several_pairs(clock: FakeClock) -> None:
    """It goes on while it stores at least as many records as others do."""
    assert total(handing_over(clock, lambda records: PutResult(1, 1))).sampled == 2 * 27


def test_hand_over_while_the_table_fails(clock: FakeClock) -> None:
    """While nobody can store, it goes on for one minute after its own, and leaves the rest to those that follow."""
    tally = total(handing_over(clock, lambda records: PutResult(0, 0, [FailedPut(records[0], TableError("no"))] * 2)))
    assert (tally.sampled, tally.store_failures) == (2 * 13, 2 * 13)
