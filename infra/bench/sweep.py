"""Sweep: 400 pairs once."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from infra.bench.processes import Cost, Worker, check_equal
from infra.bench.results import FLOOR, OTHERS, US, Bench, Section, Target, figure, ratio, table
from infra.bench.servers import exchange, null_table
from infra.bench.warm import start

ROUNDS = 9
LEVELS = 100
SYMBOLS = [f"S{number:03}USDT" for number in range(400)]
LATENCIES_MS = (0, 20)
SEQUENTIAL = ("ccxt",)
"""Contenders that request one pair after the other: left out where that takes seconds."""

SAMPLED, PRINTED, STORED = "sampled", "sampled and printed", "sampled, printed and stored"


class Task(NamedTuple):
    """What a contender does in each round."""

    contender: str
    output: str


Costs = dict[Task, list[Cost]]


def run(bench: Bench) -> Section:
    """Alternate between all contenders, at every latency."""
    costs = {latency_ms: _measure(latency_ms, bench) for latency_ms in LATENCIES_MS}
    waited_seconds = len(SYMBOLS) * LATENCIES_MS[1] / 1000
    text = [
        f"{len(SYMBOLS)} pairs once, {LEVELS} levels, over open connections. Ratios to 16 raw sockets under epoll with"
        " `json.loads`, the sum and the line.",
        *(_table(latency_ms, each) for latency_ms, each in costs.items()),
        "Ours is `handler.sampler.Sampler`. python-binance and binance-sdk-spot run in 16 threads, the asynchronous"
        " ones gather, ccxt's throttle is off (with it on, 400 books take it 20 s). ccxt's synchronous half is a loop:"
        f" left out at {LATENCIES_MS[1]} ms, where its waits alone are {waited_seconds:.0f} s."
        " Storing is one conditional put for each record, and most of its CPU is boto3's. That misses its target:"
        " of the calls that take many items at once, BatchWriteItem has no condition, a transaction costs twice"
        " as much, and a PartiQL batch of INSERTs, which should keep the first write of a slot, is unknown to dynalite"
        " and overwrites on moto, so that nothing here could prove it.",
    ]
    return Section(f"Sweep: {len(SYMBOLS)} pairs once", "\n\n".join(text), _targets(costs))


def _tasks(latency_ms: int) -> dict[Task, dict[str, Any]]:
    """Each task with its command."""
    others = [peer.label for peer in OTHERS if not (latency_ms and peer.label in SEQUENTIAL)]
    tasks = {
        Task(FLOOR.label, PRINTED): {"store": False},
        Task(US.label, SAMPLED): {"printed": False},
        Task(US.label, PRINTED): {},
        Task(US.label, STORED): {"store": True},
        **{Task(name, PRINTED): {"store": False} for name in others},
        **{Task(name, STORED): {"store": True} for name in others},
    }
    return {task: {"symbols": SYMBOLS, "levels": LEVELS, **options} for task, options in tasks.items()}


def _measure(latency_ms: int, bench: Bench) -> Costs:
    tasks = _tasks(latency_ms)
    contenders = {task.contender for task in tasks}
    with (
        exchange("--latency-ms", str(latency_ms), "--symbols", "BTCUSDT", *SYMBOLS) as url,
        null_table() as aws,
        ExitStack() as stack,
    ):
        workers = {
            peer.label: stack.enter_context(start(bench, peer, url, aws))
            for peer in (FLOOR, US, *OTHERS)
            if peer.label in contenders
        }
        costs: Costs = {task: [] for task in tasks}
        for number in range(bench.rounds(ROUNDS) + 1):
            bench.log(f"sweep at {latency_ms} ms: round {number}")
            for task, cost in _round(tasks, workers).items():
                if number:  # round 0 fills caches and opens connections
                    costs[task].append(cost)
    return costs


def _round(tasks: Mapping[Task, Mapping[str, Any]], workers: Mapping[str, Worker]) -> dict[Task, Cost]:
    results = {task: workers[task.contender].run_command(**command) for task, command in tasks.items()}
    check_equal({", ".join(task): result for task, result in results.items()})
    return {task: result.cost for task, result in results.items()}


def _table(latency_ms: int, costs: Costs) -> str:
    base = costs[Task(FLOOR.label, PRINTED)]
    rows = {
        f"{task.contender}: {task.output}": [
            ratio([cost.cpu for cost in each], [cost.cpu for cost in base]),
            ratio([cost.wall for cost in each], [cost.wall for cost in base]),
            f"{figure([cost.wall for cost in each]).median:.2f}",
        ]
        for task, each in costs.items()
    }
    return table([f"{latency_ms} ms of latency", "CPU", "wall", "wall, s"], rows)


def _targets(costs: Mapping[int, Costs]) -> list[Target]:
    late, base = costs[20][Task(US.label, PRINTED)], costs[20][Task(FLOOR.label, PRINTED)]
    stored, sampled = costs[0][Task(US.label, STORED)], costs[0][Task(US.label, SAMPLED)]
    return [
        Target(
            "sweep at 20 ms, wall × 16 raw sockets under epoll",
            ratio([cost.wall for cost in late], [cost.wall for cost in base]).median,
            0.7,
        ),
        Target(
            "sweep, sampled, printed and stored, CPU × sampled only",
            ratio([cost.cpu for cost in stored], [cost.cpu for cost in sampled]).median,
            1.4,
        ),
    ]
