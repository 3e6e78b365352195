"""Growth: what more pairs, deeper books and longer runs cost this project."""

from typing import Any, NamedTuple

from infra.bench.environments import OURS
from infra.bench.pictures import draw_growth
from infra.bench.processes import Worker
from infra.bench.results import US, Bench, Figure, Section, micros, table
from infra.bench.servers import exchange

ROUNDS = 3
PAIRS = (1, 3, 10, 30, 100, 300, 1000)
LEVELS = (5, 20, 100, 1000, 2500, 5000)
SEED = "1"
"""A book whose sums need no exact decimals at any of these depths: one of six does, which would bend the line."""
TICKS = (100, 1000, 5000)
SYMBOLS = ["BTCUSDT", *(f"S{number:03}USDT" for number in range(1, 1000))]


class Point(NamedTuple):
    """So many pairs, levels or ticks; CPU microseconds a sample; peak memory in MB."""

    size: int
    micros: Figure
    peak_mb: float


def run(bench: Bench) -> Section:
    """Measure each point in a new process, so that its peak memory is its own."""
    with exchange("--seed", SEED, "--symbols", *SYMBOLS) as url:
        curves = {
            "pairs at 20 levels": [_point(bench, url, n, n, symbols=SYMBOLS[:n], levels=20) for n in PAIRS],
            "levels of one pair": [_point(bench, url, n, 20, symbol="BTCUSDT", levels=n, count=20) for n in LEVELS],
            "ticks of one pair at 20 levels": [
                _point(bench, url, n, n, symbol="BTCUSDT", levels=20, count=n) for n in TICKS
            ],
        }
    head = ["CPU of a sample, µs", "peak memory, MB"]
    tables = [
        table([name, *head], {f"{point.size}": [point.micros, f"{point.peak_mb:.0f}"] for point in points})
        for name, points in curves.items()
    ]
    text = ["This project, sampled and printed, each row in a process of its own.", *tables]
    drawn = {name: [(one.size, one.micros.median, one.peak_mb) for one in points] for name, points in curves.items()}
    return Section("Growth", "\n\n".join(text), pictures=[] if bench.quick else [draw_growth(drawn)])


def _point(bench: Bench, url: str, size: int, samples: int, **command: Any) -> Point:
    bench.log(f"growth: {size}")
    with Worker(bench.environments.python(OURS), US.module, url) as worker:
        worker.run_command(**command)  # fills caches and opens connections
        costs = [worker.run_command(**command).cost for _ in range(bench.rounds(ROUNDS))]
    return Point(size, micros(costs, samples), max(cost.peak_mb for cost in costs))
