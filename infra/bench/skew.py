"""Skew: from the first to the last book of one slot, with the share of a CPU that Lambda gives."""

from typing import NamedTuple

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
ADVISED = {(40, 512), (400, 1024)}
"""Pairs and the memory with which they are within one second, the resolution of `timestamp`."""
ADVICE = """\
**What to choose.** 256 MB, the default, for some pairs; 512 MB from about 40 pairs on and 1024 MB for 400: there they
cost no more than 256 MB, since the run is shorter. Below 60 s of interval the function runs all the time, so that twice
the memory is twice the bill of Lambda: 256 MB unless the skew counts. `received_at` says of each record when its book
arrived, so that no comparison has to assume one moment."""


class Point(NamedTuple):
    """So many pairs with so much memory, with the results of each round: sampled only, and stored too."""

    pairs: int
    memory_mb: int
    sampled: list[Result]
    stored: list[Result]

    def row(self) -> list[object]:
        """Its cells in the table."""
        cpu = figure([result.cost.cpu for result in self.sampled]).median
        seconds = figure([result.cost.wall for result in self.stored]).median
        dollars = MONTH_MINUTES * seconds * self.memory_mb / 1024 * LAMBDA_ARM_GB_SECOND
        computed_ms = cpu * 1000 * ONE_CPU_MB / self.memory_mb
        skews = [skew_ms(self.sampled), skew_ms(self.stored)]
        return [*skews, f"{computed_ms:.0f}", f"{seconds:.2f}", f"{dollars:.2f}"]


def run(bench: Bench) -> Section:
    """Measure each number of pairs with each memory, sampled only and as the function does it, stored too."""
    points, ways = [], set()
    with exchange("--latency-ms", str(LATENCY_MS), "--symbols", *SYMBOLS) as url, null_table() as aws:
        for pairs in PAIRS[:2] if bench.quick else PAIRS:
            with Worker(bench.environments.python(OURS), US.module, url, **aws) as worker:
                for memory_mb in MEMORY_MB:
                    bench.log(f"skew: {pairs} pairs, {memory_mb} MB")
                    with limited(worker.pid, memory_mb / ONE_CPU_MB) as way:
                        points.append(_measure(bench, worker, pairs, memory_mb))
                    ways.add(way)
    head = ["pairs, memory", "skew, ms", "skew, stored too, ms", "computed, ms", "run, s", "Lambda time, $ a month"]
    text = [
        f"From the first to the last `received_at` of one slot, {LEVELS} levels, {LATENCY_MS} ms of latency, with the"
        f" share of one CPU that Lambda gives: memory ÷ {ONE_CPU_MB} MB, enforced by {' and '.join(sorted(ways))} in"
        " periods of 20 ms. “Stored too” is how the function works: it stores what is there while others are fetched."
        " “Computed” is the CPU of the samples alone ÷ the share. A run includes storing; its dollars are those of one"
        " a minute, without the time that a real table takes ([cost.md](cost.md) has the rest of the bill). A CPU of"
        " Lambda's may be slower or faster than this one.",
        table(head, {f"{point.pairs}, {point.memory_mb} MB": point.row() for point in points}),
        ADVICE,
    ]
    return Section("Skew within a slot", "\n\n".join(text), _targets(points))


def _measure(bench: Bench, worker: Worker, pairs: int, memory_mb: int) -> Point:
    point = Point(pairs, memory_mb, [], [])
    for number in range(bench.rounds(ROUNDS) + 1):
        for results, store in ((point.sampled, False), (point.stored, True)):
            result = worker.run_command(symbols=SYMBOLS[:pairs], levels=LEVELS, detail=True, store=store)
            if number:  # round 0 opens connections
                results.append(result)
    return point


def skew_ms(results: list[Result]) -> Figure:
    """Median and quartiles."""
    return figure([result.skew * 1000 for result in results])


def _targets(points: list[Point]) -> list[Target]:
    return [
        Target(f"skew of {point.pairs} pairs with {point.memory_mb} MB, s", skew_ms(point.stored).median / 1000, 1.0)
        for point in points
        if (point.pairs, point.memory_mb) in ADVISED
    ]
