"""Sweep: 400 pairs once."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from infra.bench.processes import Cost, check_equal
from infra.bench.results import FLOOR, US, Bench, Section, Target, figure, ratio, table
from infra.bench.servers import contenders, exchange

ROUNDS = 7
LEVELS = 100
SYMBOLS = [f"S{number:03}USDT" for number in range(400)]
LATENCIES_MS = (0, 20)
SEQUENTIAL = ("ccxt",)
"""Contenders that request one pair after the other: left out where that takes seconds."""


class Task(NamedTuple):
    """What a contender does in each round: sample and print, and store too."""

    contender: str
    store: bool = False


Costs = dict[Task, list[Cost]]


def run(bench: Bench) -> Section:
    """Alternate between all contenders, at every latency."""
    costs = {latency_ms: _measure(latency_ms, bench) for latency_ms in LATENCIES_MS}
    text = [
        f"{len(SYMBOLS)} pairs once, {LEVELS} levels, over open connections. Ratios to 16 raw sockets under epoll with"
        " `json.loads`, the sum and the line.",
        *(_table(latency_ms, each) for latency_ms, each in costs.items()),
        "Ours is `handler.sampler.Sampler`. requests, python-binance and binance-sdk-spot run in 16 threads, the"
        " asynchronous ones gather, ccxt's throttle is off (with it on, 400 books take it 20 s). ccxt's synchronous"
        f" half is a loop: left out at {LATENCIES_MS[1]} ms, where its waits alone are 8 s. Storing is one conditional"
        " put for each record; most of its CPU is boto3's, about $0.4 a month for 400 pairs at 256 MB. No call that"
        " takes many items keeps the first write of a slot at that price.",
    ]
    return Section(f"Sweep: {len(SYMBOLS)} pairs once", "\n\n".join(text), _targets(costs))


def _measure(latency_ms: int, bench: Bench) -> Costs:
    with (
        exchange("--latency-ms", str(latency_ms), "--symbols", "BTCUSDT", *SYMBOLS) as url,
        contenders(bench, url, left_out=SEQUENTIAL if latency_ms else ()) as workers,
    ):
        costs: Costs = {task: [] for task in (*map(Task, workers), Task(US.label, store=True))}
        command: dict[str, Any] = {"symbols": SYMBOLS, "levels": LEVELS}
        for number in range(bench.rounds(ROUNDS) + 1):
            bench.log(f"sweep at {latency_ms} ms: round {number}")
            results = {task: workers[task.contender].run_command(**command, store=task.store) for task in costs}
            check_equal({str(task): result for task, result in results.items()})
            for task, result in results.items():
                if number:  # round 0 fills caches and opens connections
                    costs[task].append(result.cost)
    return costs


def _table(latency_ms: int, costs: Costs) -> str:
    base = costs[Task(FLOOR.label)]
    rows = {
        f"{task.contender}{', stored too' if task.store else ''}": [
            ratio(each, base),
            ratio(each, base, "wall"),
            f"{figure([cost.wall for cost in each]).median:.2f}",
        ]
        for task, each in costs.items()
    }
    return table([f"{latency_ms} ms of latency", "CPU", "wall", "wall, s"], rows)


def _targets(costs: Mapping[int, Costs]) -> list[Target]:
    ours, base = (costs[LATENCIES_MS[1]][Task(peer.label)] for peer in (US, FLOOR))
    name = f"sweep at {LATENCIES_MS[1]} ms, wall × 16 raw sockets under epoll"
    return [Target(name, ratio(ours, base, "wall").median, 0.5)]
