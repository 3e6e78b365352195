"""The table of simulated days: every interval with events that are late, dropped or duplicated."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from infra.simulator.cloud import Schedule
from infra.simulator.simulation import Options, Outcome, simulate

CONSTANT_DELAYS_SECONDS = (0, 10, 25, 40, 54, 59)
MAX_JITTER_SECONDS = 59
BAD_SHARE = 0.05
"""Of the events are dropped, and as many duplicated."""
COLUMNS = {
    "interval": "---:",
    "delay of the events": "---",
    "dropped, duplicated": "---",
    "slots": "---:",
    "lost": "---",
    "requests a minute beyond one a slot: mean, max": "---:",
    "Lambda s a minute": "---:",
}
"""Heading → alignment."""


def days_table(intervals_seconds: Sequence[int], minutes: int, seed: int) -> str:
    """A Markdown table; a row sums up the days of each constant delay, or is one day with jitter."""
    constant = [Schedule(minutes, delay) for delay in CONSTANT_DELAYS_SECONDS]
    jitter = [Schedule(minutes, max_jitter_seconds=MAX_JITTER_SECONDS)]
    days = (
        (f"constant: {', '.join(map(str, CONSTANT_DELAYS_SECONDS))} s", constant),
        (f"0 to {MAX_JITTER_SECONDS} s at random", jitter),
    )
    rows = []
    for interval_seconds, (delay, schedules), share in product(intervals_seconds, days, (0.0, BAD_SHARE)):
        outcomes = [
            simulate(
                Options(
                    interval_seconds, replace(schedule, dropped_share=share, duplicated_share=share), seed=seed + number
                )
            )
            for number, schedule in enumerate(schedules)
        ]
        bad = f"1 in {1 / share:.0f} each" if share else "none"
        rows.append(_row(f"{interval_seconds} s", delay, bad, *_figures(interval_seconds, outcomes)))
    return "\n".join([_row(*COLUMNS), _row(*COLUMNS.values()).replace(" ", ""), *rows])


def _figures(interval_seconds: int, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    lost: Counter[str] = sum((outcome.lost for outcome in outcomes), Counter())
    reasons = "; ".join(f"{count}: {reason}" for reason, count in lost.items()) or "0"
    requests = [count - 60 // interval_seconds for outcome in outcomes for count in outcome.requests]
    mean = round(sum(requests) / len(requests), 2) + 0.0  # never −0.0
    seconds = [outcome.lambda_seconds_per_minute for outcome in outcomes]
    low, high = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return (
        f"{sum(outcome.slots for outcome in outcomes):,}",
        reasons,
        f"{mean:.2f}, {max(requests)}",
        low if low == high else f"{low} to {high}",
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
