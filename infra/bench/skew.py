"""Skew: from the first to the last book of one slot, with the share of a CPU that Lambda gives."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from infra.bench.cpu_quota import limited
from infra.bench.environments import OURS
from infra.bench.processes import Result, Worker
from infra.bench.results import US, Bench, Figure, Section, Target, figure, table
from infra.bench.servers import exchange, null_table
from infra.cost import LAMBDA_ARM_GB_SECOND, MONTH_MINUTES

ROUNDS = 7
PAIRS = (1, 40, 400)
MEMORY_MB = (256, 512, 1024, 1769)
ONE_CPU_MB = 1769
"""What has one whole CPU (Lambda Developer Guide, "Configure Lambda function memory")."""
LATENCY_MS = 20
LEVELS = 5
SYMBOLS = [f"S{number:03}USDT" for number in range(PAIRS[-1])]
MAX_SKEW_SECONDS = 1.0
"""With the memory that the page advises: the resolution of a record's `timestamp`."""


class Point(NamedTuple):
    """So many pairs with so much memory, with the results of each round."""

    pairs: int
    memory_mb: int
    sampled: list[Result]
    stored: list[Result]

    @property
    def share(self) -> float:
        """Of one CPU."""
        return self.memory_mb / ONE_CPU_MB

    @property
    def dollars(self) -> float:
        """A month of such runs, one a minute."""
        seconds = figure([result.cost.wall for result in self.stored]).median
        return MONTH_MINUTES * seconds * self.memory_mb / 1024 * LAMBDA_ARM_GB_SECOND


def run(bench: Bench) -> Section:
    """Measure each number of pairs with each memory, sampled only and as the function does it, stored too."""
    points = []
    ways = set()
    with exchange("--latency-ms", str(LATENCY_MS), "--symbols", *SYMBOLS) as url, null_table() as aws:
        for pairs in PAIRS[:2] if bench.quick else PAIRS:
            with Worker(bench.environments.python(OURS), US.module, url, **aws) as worker:
                for memory_mb in MEMORY_MB:
                    bench.log(f"skew: {pairs} pairs, {memory_mb} MB")
                    with limited(worker.pid, memory_mb / ONE_CPU_MB) as way:
                        points.append(_point(bench, worker, pairs, memory_mb))
                    ways.add(way)
    text = [
        f"From the first to the last `received_at` of one slot, {LEVELS} levels, {LATENCY_MS} ms of latency, with the"
        f" share of one CPU that Lambda gives: memory ÷ {ONE_CPU_MB} MB. Enforced by: {', '.join(sorted(ways))}, in"
        " periods of 20 ms. “Stored” is how the function works: it stores what is there while others are fetched. A"
        " processor of Lambda's may be slower or faster than this one.",
        table(
            ["pairs, MB", "skew, ms", "skew, stored, ms", "computed, ms", "run, s", "Lambda time, $ a month"],
            _rows(points),
        ),
        "“Computed” is the CPU of the samples alone ÷ the share. A run's seconds include storing; its dollars are those"
        " of one run a minute (the prices of [cost.md](cost.md)), without the time that AWS's own table takes.",
    ]
    return Section("Skew within a slot", "\n\n".join(text), _targets(points))


def _point(bench: Bench, worker: Worker, pairs: int, memory_mb: int) -> Point:
    command: dict[str, Any] = {"symbols": SYMBOLS[:pairs], "levels": LEVELS, "detail": True}
    sampled, stored = [], []
    for number in range(bench.rounds(ROUNDS) + 1):
        without, storing = worker.run_command(**command), worker.run_command(**command, store=True)
        if number:  # round 0 opens connections
            sampled.append(without)
            stored.append(storing)
    return Point(pairs, memory_mb, sampled, stored)


def _rows(points: list[Point]) -> Mapping[str, list[object]]:
    return {
        f"{point.pairs}, {point.memory_mb}": [
            _skew_ms(point.sampled),
            _skew_ms(point.stored),
            f"{figure([result.cost.cpu for result in point.sampled]).median * 1000 / min(point.share, 1):.0f}",
            f"{figure([result.cost.wall for result in point.stored]).median:.2f}",
            f"{point.dollars:.2f}",
        ]
        for point in points
    }


def _skew_ms(results: list[Result]) -> Figure:
    return figure([result.skew * 1000 for result in results])


def _targets(points: list[Point]) -> list[Target]:
    """One second, the resolution of `timestamp`, with a memory that fits the number of pairs."""
    advised = {(1, 256), (40, 256), (400, 1769)}
    return [
        Target(
            f"skew of {point.pairs} pairs with {point.memory_mb} MB, stored too, s",
            _skew_ms(point.stored).median / 1000,
            MAX_SKEW_SECONDS,
            quoted=point.pairs == PAIRS[-1],
        )
        for point in points
        if (point.pairs, point.memory_mb) in advised
    ]
