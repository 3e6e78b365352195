"""Sweep: 400 pairs once."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from infra.bench.figures import figure, ratio, table
from infra.bench.part import FLOOR, OTHERS, US, Bench, Section, Target
from infra.bench.processes import Cost, Worker, check_equal
from infra.bench.servers import exchange
from infra.bench.servers import table as table_stand_in
from infra.bench.warm import start

ROUNDS = 9
LEVELS = 100
SYMBOLS = [f"S{number:03}USDT" for number in range(400)]
LATENCIES_MS = (0, 20)
LOOPS = ("ccxt",)
"""Contenders that ask for one pair after the other: not waited for where that takes seconds."""

SAMPLED, PRINTED, STORED = "sampled", "sampled and printed", "sampled, printed and stored"
Costs = dict[tuple[str, str], list[Cost]]
"""Contender, what it did → the cost of each turn."""


@dataclass(frozen=True)
class Way:
    """What a contender does in its turn."""

    name: str
    does: str
    command: Mapping[str, Any]


def run(bench: Bench) -> Section:
    """Every contender in turn, at every latency."""
    costs = {latency: _at(latency, bench) for latency in LATENCIES_MS}
    text = [
        f"{len(SYMBOLS)} pairs once, {LEVELS} levels, over connections that are open already. Ratios to 16 raw sockets"
        " under epoll with `json.loads`, the sum and the line.",
        *(_table(latency, each) for latency, each in costs.items()),
        "Ours is `handler.sampler.Sampler`. python-binance and binance-sdk-spot run in 16 threads, the asynchronous"
        " ones gather, ccxt's throttle is off (with it on, 400 books take it 20 s). ccxt's synchronous half is a loop:"
        f" left out at {LATENCIES_MS[1]} ms, where its waits alone are {len(SYMBOLS) * LATENCIES_MS[1] / 1000:.0f} s."
        " Storing is one conditional put for each record, and most of its CPU is boto3's. That misses its target:"
        " of the calls that take many items at once, BatchWriteItem knows no condition, a transaction costs twice"
        " as much on the bill, and a PartiQL batch of INSERTs, which should keep the first write of a slot, is"
        " unknown to dynalite and overwrites on moto, so that nothing here could prove it.",
    ]
    return Section(f"Sweep: {len(SYMBOLS)} pairs once", "\n\n".join(text), _targets(costs))


def _ways(latency_ms: int) -> list[Way]:
    plain: dict[str, Any] = {"symbols": SYMBOLS, "levels": LEVELS}
    others = [peer.label for peer in OTHERS if not (latency_ms and peer.label in LOOPS)]
    return [
        Way(FLOOR.label, PRINTED, plain | {"store": False}),
        Way(US.label, SAMPLED, plain | {"printed": False}),
        Way(US.label, PRINTED, plain),
        Way(US.label, STORED, plain | {"store": True}),
        *(Way(name, PRINTED, plain | {"store": False}) for name in others),
        *(Way(name, STORED, plain | {"store": True}) for name in others),
    ]


def _at(latency_ms: int, bench: Bench) -> Costs:
    with (
        exchange("--latency-ms", str(latency_ms), "--symbols", "BTCUSDT", *SYMBOLS) as url,
        table_stand_in() as aws,
        ExitStack() as running,
    ):
        ways = _ways(latency_ms)
        peers = [peer for peer in (FLOOR, US, *OTHERS) if any(way.name == peer.label for way in ways)]
        workers = {peer.label: running.enter_context(start(bench, peer, url, aws)) for peer in peers}
        costs: Costs = {}
        for number in range(-1, bench.rounds(ROUNDS)):
            bench.tell(f"sweep at {latency_ms} ms: round {number + 1}")
            for (name, does), cost in _turns(ways, workers).items():
                if number >= 0:  # the turn before the first is for caches and connections
                    costs.setdefault((name, does), []).append(cost)
    return costs


def _turns(ways: list[Way], workers: Mapping[str, Worker]) -> dict[tuple[str, str], Cost]:
    answers = {(way.name, way.does): workers[way.name].obey(**way.command) for way in ways}
    check_equal({f"{name}, {does}": answer for (name, does), answer in answers.items()})
    return {way: answer.cost for way, answer in answers.items()}


def _table(latency_ms: int, costs: Costs) -> str:
    base = costs[FLOOR.label, PRINTED]
    rows = {
        f"{name}: {does}": [
            ratio([cost.cpu for cost in each], [cost.cpu for cost in base]),
            ratio([cost.wall for cost in each], [cost.wall for cost in base]),
            f"{figure([cost.wall for cost in each]).median:.2f}",
        ]
        for (name, does), each in costs.items()
    }
    return table([f"{latency_ms} ms of latency", "CPU", "wall", "wall, s"], rows)


def _targets(costs: Mapping[int, Costs]) -> list[Target]:
    late, base = costs[20][US.label, PRINTED], costs[20][FLOOR.label, PRINTED]
    stored, sampled = costs[0][US.label, STORED], costs[0][US.label, SAMPLED]
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
