"""Each way to lose a slot or a minute, and the metrics that show it, as the simulation has them.

`python -m infra.simulator --losses` simulates each and compares; docs and alarms can be checked against LOSSES. Metrics
of AWS itself are modelled here, not measured.
"""

from collections.abc import Mapping
from typing import NamedTuple

from infra.simulator.cloud import Schedule
from infra.simulator.simulation import Fault, Options, Outcome

SIGNS = (
    *("Skipped", "FetchFailures", "StoreFailures"),
    *("Errors", "Throttles", "AsyncEventsDropped", "InvocationDroppedCount", "NumberOfMessagesSent"),
)
"""The metrics that move only if something is lost: those of the function, of AWS/Lambda, AWS/Scheduler and AWS/SQS."""
NO_SAMPLE, NO_INVOCATION = "minutes without Sampled", "minutes without Invocations"
MINUTES, DELAY_SECONDS = 10, 25.0
PUNCTUAL = Schedule(MINUTES, DELAY_SECONDS)


class Loss(NamedTuple):
    """A way to lose something: what happens, how many slots of one pair that costs, and by how much metrics move."""

    name: str
    options: Options
    lost_slots: int
    metrics: Mapping[str, int]


def _dropped(*minutes: int) -> Schedule:
    return Schedule(MINUTES, DELAY_SECONDS, dropped_minutes=frozenset(minutes))


def _disabled(*minutes: int) -> Schedule:
    return Schedule(MINUTES, DELAY_SECONDS, disabled_minutes=frozenset(minutes))


def _failing(name: str) -> Options:
    return Options(60, PUNCTUAL, Fault(name, 4, 5))


_FAILED = {"Errors": 1, "NumberOfMessagesSent": 1}
_NOT_MEASURED = {**_FAILED, "FetchFailures": 1, NO_SAMPLE: 1}
_DROPPED = {"InvocationDroppedCount": 1, "NumberOfMessagesSent": 1, NO_INVOCATION: 1}

LOSSES = (
    Loss("a good day with jitter, at 60 s", Options(60, Schedule(60, 0, 59)), 0, {}),
    Loss("a good day with jitter, at 10 s", Options(10, Schedule(60, 0, 59)), 0, {}),
    Loss("an event is dropped, at 60 s", Options(60, _dropped(4)), 1, {**_DROPPED, NO_SAMPLE: 1}),
    Loss("an event is dropped, at 10 s", Options(10, _dropped(4)), 0, _DROPPED),
    Loss(
        "two consecutive events are dropped, at 10 s",
        Options(10, _dropped(4, 5)),
        0,
        {"InvocationDroppedCount": 2, "NumberOfMessagesSent": 2, NO_INVOCATION: 2},
    ),
    Loss(
        "four consecutive events are dropped, at 10 s",
        Options(10, _dropped(3, 4, 5, 6)),
        6,
        {"InvocationDroppedCount": 4, "NumberOfMessagesSent": 4, NO_INVOCATION: 4},
    ),
    Loss("the schedule does not fire, at 60 s", Options(60, _disabled(4)), 1, {NO_SAMPLE: 1, NO_INVOCATION: 1}),
    Loss(
        "the schedule does not fire for four minutes, at 10 s",
        Options(10, _disabled(3, 4, 5, 6)),
        6,
        {NO_INVOCATION: 4},
    ),
    Loss("the exchange fails (503)", _failing("503"), 1, _NOT_MEASURED),
    Loss("the exchange hangs", _failing("hang"), 1, _NOT_MEASURED),
    Loss("the exchange demands a cooldown (429)", _failing("429=50"), 1, _NOT_MEASURED),
    Loss(
        "the same, if the monotonic clock stands still in a frozen container",
        Options(60, PUNCTUAL, Fault("429=50", 4, 5), frozen_clock=True),
        1,
        _NOT_MEASURED,
    ),
    Loss("the book is empty", _failing("empty"), 1, {"Skipped": 1, NO_SAMPLE: 1}),
    Loss(
        "the table fails for three minutes",
        Options(60, PUNCTUAL, Fault("table", 4, 7)),
        2,  # the third one is stored in the end; the metrics of the first come when storing is given up
        {"StoreFailures": 2, "Errors": 2, "NumberOfMessagesSent": 2, NO_SAMPLE: 1},
    ),
    Loss("the function is stopped by its timeout", _failing("stuck"), 1, {**_FAILED, NO_SAMPLE: 1}),
    Loss(
        "other functions use up the account's concurrency for two minutes",
        Options(60, PUNCTUAL, Fault("no-concurrency", 4, 6)),
        2,
        {"Throttles": 49, "AsyncEventsDropped": 1, "NumberOfMessagesSent": 1, NO_SAMPLE: 2, NO_INVOCATION: 2},
    ),
)


def problems(loss: Loss, outcome: Outcome) -> list[str]:
    """Where a simulation differs from what is said here."""
    lost = sum(outcome.lost.values())
    found = [f"{loss.name}: {lost} slots were lost, not {loss.lost_slots}"] if lost != loss.lost_slots else []
    moved = metrics_that_moved(outcome)
    return found + ([f"{loss.name}: {moved} moved, not {dict(loss.metrics)}"] if moved != loss.metrics else [])


def metrics_that_moved(outcome: Outcome) -> dict[str, int]:
    """The signs of a loss and their sums; minutes are those from the second to the last but one."""
    moved = {name: outcome.metric(name) for name in SIGNS}
    for name, metric in ((NO_SAMPLE, "Sampled"), (NO_INVOCATION, "Invocations")):
        moved[name] = sum(not outcome.metrics[metric, minute] for minute in range(1, outcome.minutes - 1))
    return {name: value for name, value in moved.items() if value}
