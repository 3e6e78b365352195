"""Growth: what more pairs, deeper books and longer runs cost this project."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.bench.environments import OURS
from infra.bench.pictures import draw_growth
from infra.bench.processes import Worker
from infra.bench.results import US, Bench, Figure, Section, figure, table
from infra.bench.servers import exchange

ROUNDS = 5
PAIRS = (1, 3, 10, 30, 100, 300, 1000)
LEVELS = (5, 20, 100, 1000, 2500, 5000)
LEVELS_COUNT = 20
SEED = "1"
"""A book whose sums need no exact decimals at any of these depths: one of six does, which would bend the line."""
TICKS = (100, 1000, 10_000)
SYMBOLS = ["BTCUSDT", *(f"S{number:03}USDT" for number in range(1, 1000))]


class Point(NamedTuple):
    """So many pairs, levels or ticks; CPU microseconds a sample; peak memory in MB."""

    size: int
    micros: Figure
    peak_mb: float


def run(bench: Bench) -> Section:
    """Measure each point in a new process, so that its peak memory is its own."""
    with exchange("--seed", SEED, "--symbols", *SYMBOLS) as url:
        by_pairs = [_point(bench, url, size, size, symbols=SYMBOLS[:size], levels=20) for size in PAIRS]
        by_levels = [
            _point(bench, url, size, LEVELS_COUNT, symbol="BTCUSDT", levels=size, count=LEVELS_COUNT) for size in LEVELS
        ]
        by_ticks = [
            _point(bench, url, size, size, rounds=1, symbol="BTCUSDT", levels=20, count=size)
            for size in (TICKS[:-1] if bench.quick else TICKS)
        ]
    text = [
        "This project, sampled and printed, each row in a process of its own.",
        _table("pairs at 20 levels, one tick", by_pairs),
        _table("levels of one pair", by_levels),
        _table("ticks of one pair at 20 levels", by_ticks),
    ]
    curves = {"pairs": by_pairs, "levels": by_levels, "ticks": by_ticks}
    drawn = {name: [(one.size, one.micros.median, one.peak_mb) for one in points] for name, points in curves.items()}
    return Section("Growth", "\n\n".join(text), pictures=[] if bench.quick else [draw_growth(drawn)])


def _point(bench: Bench, url: str, size: int, samples: int, *, rounds: int = ROUNDS, **command: Any) -> Point:
    bench.log(f"growth: {size}")
    with Worker(bench.environments.python(OURS), US.module, url) as worker:
        worker.run_command(**command)  # fills caches and opens connections
        costs = [worker.run_command(**command).cost for _ in range(rounds)]
    return Point(size, figure([cost.cpu * 1e6 / samples for cost in costs]), max(cost.peak_mb for cost in costs))


def _table(head: str, points: Sequence[Point]) -> str:
    rows = {f"{point.size}": [str(point.micros), f"{point.peak_mb:.0f}"] for point in points}
    return table([head, "CPU of a sample, µs", "peak memory, MB"], rows)
