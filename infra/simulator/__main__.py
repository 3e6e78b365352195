"""`python -m infra.simulator`: a simulation of the schedule and Lambda, with late, duplicate and dropped events.

Prints the slots, those that were lost and why, requests and seconds. Exit code 1 if a slot is lost without a reason.
"""

import argparse
import sys
from dataclasses import replace

from infra.simulator.timeline import install_clock

install_clock()  # before anything of the handler is loaded

from infra.simulator.cloud import Schedule
from infra.simulator.days import days_table
from infra.simulator.losses import LOSSES, metrics_that_moved, problems
from infra.simulator.simulation import UNEXPLAINED, Options, Outcome, simulate

METRICS = ("Sampled", "Stored", "Duplicates", "Skipped", "FetchFailures", "StoreFailures", "Errors", "Throttles")
MORE_METRICS = ("Invocations", "InvocationDroppedCount", "AsyncEventsDropped", "NumberOfMessagesSent")


def main() -> int:
    """Simulate every interval that is given, one after the other."""
    given = _parser().parse_args()
    code = 0
    print("simulation, not AWS:")
    if given.losses:
        return compare_losses(given.seed)
    if given.days:
        print(days_table(given.interval_seconds, given.minutes, given.seed))
        return 0
    for interval_seconds in given.interval_seconds:
        schedule = Schedule(given.minutes, given.delay, given.jitter, given.dropped, given.duplicated)
        outcome = simulate(Options(interval_seconds, schedule, seed=given.seed))
        print(f"{interval_seconds} s, {given.minutes} min, delay {given.delay:g} + 0 to {given.jitter:g} s: "
              + "; ".join(report(interval_seconds, outcome)), flush=True)  # fmt: skip
        code = code or int(outcome.lost[UNEXPLAINED] > 0)
    return code


def compare_losses(seed: int) -> int:
    """Simulate each way to lose something; returns 1 if the metrics are not those that are expected."""
    code = 0
    for loss in LOSSES:
        outcome = simulate(replace(loss.options, seed=seed))
        print(
            f"{loss.name}: {sum(outcome.lost.values())} slots lost, metrics: {metrics_that_moved(outcome)}", flush=True
        )
        for problem in problems(loss, outcome):
            print(f"problem: {problem}")
            code = 1
    return code


def report(interval_seconds: int, outcome: Outcome) -> list[str]:
    """An outcome in words."""
    regular = 60 / interval_seconds
    mean = sum(outcome.requests) / max(len(outcome.requests), 1) - regular
    lost = ", ".join(f"{count} {reason}" for reason, count in outcome.lost.items()) or "none"
    counts = ", ".join(f"{name} {outcome.metric(name)}" for name in (*METRICS, *MORE_METRICS))
    return [
        f"{outcome.slots} slots, {outcome.stored} stored, lost: {lost}",
        f"requests a minute beyond {regular:g}: mean {mean:.2f}, max {max(outcome.requests, default=0) - regular:g}",
        f"Lambda {outcome.lambda_seconds_per_minute:.1f} s a minute, longest {outcome.max_invocation_seconds:.0f} s, "
        f"{outcome.max_running} at a time",
        counts,
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.simulator", description=main.__doc__)
    parser.add_argument("--interval_seconds", type=int, nargs="+", default=[60, 30, 10, 5])
    parser.add_argument("--minutes", type=int, default=60, help="1440 are a day (default %(default)d)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds by which each event is late")
    parser.add_argument("--jitter", type=float, default=0.0, help="so many seconds more at most, at random")
    parser.add_argument("--dropped", type=float, default=0.0, help="share of the events")
    parser.add_argument("--duplicated", type=float, default=0.0, help="share of the events")
    parser.add_argument("--losses", action="store_true", help="simulate each way to lose a slot, and its metrics")
    parser.add_argument("--days", action="store_true", help="simulate each kind of day, and print a table of them")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
