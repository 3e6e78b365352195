"""Each way to lose a slot or a minute, and the metrics that show it, as the simulation has them.

`python -m infra.simulator --losses` simulates each and compares; docs and alarms can be checked against LOSSES. Metrics
of AWS itself are modelled here, not measured.
"""

from collections.abc import Mapping
from typing import NamedTuple

from infra.simulator.cloud import Schedule
from infra.simulator.simulation import Fault, Options, Outcome

SIGNS = (
    *("Skipped", "FetchFailures", "StoreFailures", "Rejected"),
    *("Errors", "Throttles", "AsyncEventsDropped", "InvocationDroppedCount", "NumberOfMessagesSent"),
)
"""The metrics that move only if something is lost: those of the function, of AWS/Lambda, AWS/Scheduler and AWS/SQS."""
NO_SAMPLE, NO_INVOCATION = "minutes without Sampled", "minutes without Invocations"
MINUTES, DELAY_SECONDS = 10, 25.0
PUNCTUAL = Schedule(MINUTES, DELAY_SECONDS)


# The rows of docs/alarms.md, by what happens there.
SILENT = "the schedule is disabled or its events stop coming"
STAYS_AWAY = "… or stay away now and then, without an error"
DROPPED = "EventBridge Scheduler drops an event"
DROPPED_MESSAGE = "… and puts it into the queue"
TOO_LATE = "Lambda takes the event, but does not start within 60 s"
FAILED = "a book cannot be fetched, or a record not stored"
FAILED_MESSAGE = "… and Lambda puts the event into the queue"
CRASHED = "the function crashes, or runs into its timeout"
NOTHING_MEASURED = "it runs and measures nothing: every book is empty or every pair rejected"
SOME_LOST = "some slots are over before they are sampled, some books are empty"
REJECTED = "a pair is misspelt, or was delisted"


class Loss(NamedTuple):
    """A way to lose something: what happens, how many slots of one pair that costs, and by how much metrics move.

    `rows`: the rows of docs/alarms.md that it is, and how often each of them happens.
    """

    name: str
    options: Options
    lost_slots: int
    metrics: Mapping[str, int]
    rows: Mapping[str, int]


def _dropped(*minutes: int) -> Schedule:
    return Schedule(MINUTES, DELAY_SECONDS, dropped_minutes=frozenset(minutes))


def _disabled(*minutes: int) -> Schedule:
    return Schedule(MINUTES, DELAY_SECONDS, disabled_minutes=frozenset(minutes))


def _failing(name: str) -> Options:
    return Options(60, PUNCTUAL, Fault(name, 4, 5))


def _dropped_metrics(count: int) -> dict[str, int]:
    return {"InvocationDroppedCount": count, "NumberOfMessagesSent": count, NO_INVOCATION: count}


def _dropped_rows(count: int) -> dict[str, int]:
    return {DROPPED: count, DROPPED_MESSAGE: count}


_FAILED = {"Errors": 1, "NumberOfMessagesSent": 1}
_NOT_MEASURED = {**_FAILED, "FetchFailures": 1, NO_SAMPLE: 1}
_FAILED_ROWS = {FAILED: 1, FAILED_MESSAGE: 1}

LOSSES = (
    Loss("a good day with jitter, at 60 s", Options(60, Schedule(60, 0, 59)), 0, {}, {}),
    Loss("a good day with jitter, at 10 s", Options(10, Schedule(60, 0, 59)), 0, {}, {}),
    Loss(
        "an event is dropped, at 60 s",
        Options(60, _dropped(4)),
        1,
        {**_dropped_metrics(1), NO_SAMPLE: 1},
        _dropped_rows(1),
    ),
    Loss("an event is dropped, at 10 s", Options(10, _dropped(4)), 0, _dropped_metrics(1), _dropped_rows(1)),
    Loss(
        "two consecutive events are dropped, at 10 s",
        Options(10, _dropped(4, 5)),
        0,
        _dropped_metrics(2),
        _dropped_rows(2),
    ),
    Loss(
        "four consecutive events are dropped, at 10 s",
        Options(10, _dropped(3, 4, 5, 6)),
        6,
        _dropped_metrics(4),
        _dropped_rows(4),
    ),
    Loss(
        "the schedule does not fire, at 60 s",
        Options(60, _disabled(4)),
        1,
        {NO_SAMPLE: 1, NO_INVOCATION: 1},
        {STAYS_AWAY: 1},
    ),
    Loss(
        "the schedule does not fire for four minutes, at 10 s",
        Options(10, _disabled(3, 4, 5, 6)),
        6,
        {NO_INVOCATION: 4},
        {SILENT: 4},
    ),
    Loss("the exchange fails (503)", _failing("503"), 1, _NOT_MEASURED, _FAILED_ROWS),
    Loss("the exchange hangs", _failing("hang"), 1, _NOT_MEASURED, _FAILED_ROWS),
    Loss("the exchange demands a cooldown (429)", _failing("429=50"), 1, _NOT_MEASURED, _FAILED_ROWS),
    Loss(
        "the same, if the monotonic clock stands still in a frozen container",
        Options(60, PUNCTUAL, Fault("429=50", 4, 5), frozen_clock=True),
        1,
        _NOT_MEASURED,
        _FAILED_ROWS,
    ),
    Loss(
        "the book is empty",
        _failing("empty"),
        1,
        {"Skipped": 1, NO_SAMPLE: 1},
        {NOTHING_MEASURED: 1, SOME_LOST: 1},
    ),
    Loss(
        "the pair is rejected",
        _failing("delisted"),
        1,
        {"Rejected": 1, NO_SAMPLE: 1},
        {NOTHING_MEASURED: 1, REJECTED: 1},
    ),
    Loss(
        "the table fails for three minutes",
        Options(60, PUNCTUAL, Fault("table", 4, 7)),
        2,  # the third one is stored in the end; the metrics of the first come when storing is given up
        {"StoreFailures": 2, "Errors": 2, "NumberOfMessagesSent": 2, NO_SAMPLE: 1},
        {FAILED: 2, FAILED_MESSAGE: 2},
    ),
    Loss(
        "the function is stopped by its timeout",
        _failing("stuck"),
        1,
        {**_FAILED, NO_SAMPLE: 1},
        {CRASHED: 1, FAILED_MESSAGE: 1},
    ),
    Loss(
        "other functions use up the account's concurrency for two minutes",
        Options(60, PUNCTUAL, Fault("no-concurrency", 4, 6)),
        2,
        {"Throttles": 49, "AsyncEventsDropped": 1, "NumberOfMessagesSent": 1, NO_SAMPLE: 2, NO_INVOCATION: 2},
        {TOO_LATE: 1},
    ),
)


def problems(loss: Loss, outcome: Outcome) -> list[str]:
    """Where a simulation differs from what is said here. StoredSlots must count each stored slot, and each once."""
    lost, moved = sum(outcome.lost.values()), metrics_that_moved(outcome)
    stored, counted = outcome.stored_in_all, outcome.metric("StoredSlots")
    found = [
        (lost != loss.lost_slots, f"{lost} slots were lost, not {loss.lost_slots}"),
        (moved != loss.metrics, f"{moved} moved, not {dict(loss.metrics)}"),
        (stored != counted, f"StoredSlots is {counted}, and {stored} are stored"),
    ]
    return [f"{loss.name}: {problem}" for is_problem, problem in found if is_problem]


def metrics_that_moved(outcome: Outcome) -> dict[str, int]:
    """The signs of a loss and their sums; minutes are those from the second to the last but one."""
    moved = {name: outcome.metric(name) for name in SIGNS}
    for name, metric in ((NO_SAMPLE, "Sampled"), (NO_INVOCATION, "Invocations")):
        moved[name] = sum(not outcome.metrics[metric, minute] for minute in range(1, outcome.minutes - 1))
    return {name: value for name, value in moved.items() if value}
