"""Growth: what more pairs, deeper books and longer runs cost this project."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from infra.bench.environments import OURS
from infra.bench.figures import Figure, figure, table
from infra.bench.part import US, Bench, Section
from infra.bench.pictures import draw_growth
from infra.bench.processes import Worker
from infra.bench.servers import exchange

ROUNDS = 5
PAIRS = (1, 3, 10, 30, 100, 300, 1000)
LEVELS = (5, 20, 100, 1000, 2500, 5000)
SEED = "1"
"""A book whose sums need no exact decimals at any of these depths: one in five does, which would bend the line."""
TICKS = (100, 1000, 10_000)
SYMBOLS = ["BTCUSDT", *(f"S{number:03}USDT" for number in range(1, 1000))]


class Point(NamedTuple):
    """So many pairs, levels or ticks; CPU microseconds a sample; the peak of memory in MB."""

    size: int
    micros: Figure
    peak_mb: float


def run(bench: Bench) -> Section:
    """Each point in a fresh process, so that its peak of memory is its own."""
    ticks = TICKS[:-1] if bench.quick else TICKS
    with exchange("--seed", SEED, "--symbols", *SYMBOLS) as url:
        by_pairs = _points(bench, url, PAIRS, lambda size: ({"symbols": SYMBOLS[:size], "levels": 20}, size))
        by_levels = _points(bench, url, LEVELS, lambda size: ({"symbol": "BTCUSDT", "levels": size, "count": 20}, 20))
        by_ticks = _points(
            bench, url, ticks, lambda size: ({"symbol": "BTCUSDT", "levels": 20, "count": size}, size), rounds=1
        )
    text = "\n\n".join(
        [
            "This project, sampled and printed, each row in a process of its own.",
            _table("pairs at 20 levels, one tick", by_pairs),
            _table("levels of one pair", by_levels),
            _table("ticks of one pair at 20 levels", by_ticks),
        ]
    )
    return Section("Growth", text, pictures=[draw_growth(by_pairs, by_levels, by_ticks)])


def _points(
    bench: Bench,
    url: str,
    sizes: Sequence[int],
    command: Callable[[int], tuple[dict[str, Any], int]],
    rounds: int = ROUNDS,
) -> list[Point]:
    found = []
    for size in sizes:
        bench.tell(f"growth: {size}")
        asked, samples = command(size)
        with Worker(bench.environments.python(OURS), US.file, url) as worker:
            costs = [worker.obey(**asked).cost for _ in range(rounds + 1)][-rounds:]  # the first warms up
        found.append(
            Point(size, figure([cost.cpu * 1e6 / samples for cost in costs]), max(cost.peak_mb for cost in costs))
        )
    return found


def _table(head: str, points: Sequence[Point]) -> str:
    rows = {f"{point.size}": [str(point.micros), f"{point.peak_mb:.0f}"] for point in points}
    return table([head, "CPU of a sample, µs", "peak memory, MB"], rows)
