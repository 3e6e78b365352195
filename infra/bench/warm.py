"""Warm: CPU of one more sample in a process that has made some."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from infra.bench.environments import OURS
from infra.bench.figures import figure, ratio, table
from infra.bench.part import FLOOR, OTHERS, US, Bench, Peer, Section, Target
from infra.bench.pictures import draw_warm
from infra.bench.processes import Cost, Worker, check_equal
from infra.bench.servers import exchange
from infra.bench.servers import table as table_stand_in

SEEDS = 5
"""Books, one after the other: now and then a sum ends exactly between two roundings, and takes exact decimals."""
ROUNDS = 3
"""Turns of each contender at each book."""
COUNTS = {5: 60, 20: 60, 100: 60, 1000: 30, 5000: 16}
"""Levels → samples in one turn: enough of them that garbage collection has its share in each."""
MOST = {5: 20.0, 100: 6.5, 5000: 1.5}
"""Levels → the target, as a ratio to the floor."""
SYNCHRONOUS = ("python-binance", "ccxt", "binance-sdk-spot")

Turn = tuple[str, int, bool]
"""Contender, levels, stored too."""
Costs = dict[Turn, list[Cost]]


def run(bench: Bench) -> Section:
    """Every contender in turn at every depth, some rounds long, then the same with storing."""
    costs: Costs = {}
    for seed in range(1 if bench.quick else SEEDS):
        bench.tell(f"warm: book {seed}")
        with exchange("--seed", str(seed)) as url, table_stand_in() as aws, ExitStack() as running:
            workers = {peer.label: running.enter_context(start(bench, peer, url, aws)) for peer in (FLOOR, US, *OTHERS)}
            for store in (False, True):  # in this order: what is loaded to store would burden those who do not
                for number in range(-1, ROUNDS):
                    for turn, cost in _turns(workers, store=store):
                        if number >= 0:  # the round before the first is for caches and connections
                            costs.setdefault(turn, []).append(cost)
    text = [
        "CPU of one sample, record line included, as the ratio to a raw socket with `json.loads` and the sum (whose"
        " microseconds are given for scale).",
        _rows(costs, stored=False),
        f"{SEEDS} books in turn. Where a sum ends exactly between two roundings, as one book in five of a pair with"
        " prices to 2 and quantities to 5 places does, this project goes through exact decimals, for about a quarter"
        " more at 5000 levels; the others round floats.",
        "The same, stored too. This project puts with a condition over one client; the others with the same condition"
        " over boto3's `Table`. The floor does not store.",
        _rows(costs, stored=True),
    ]
    return Section("Warm: one more sample", "\n\n".join(text), _targets(costs), [draw_warm(_micros(costs))])


def start(bench: Bench, peer: Peer, url: str, aws: Mapping[str, str]) -> Worker:
    """A contender in its environment, with boto3 within reach."""
    packages = str(bench.environments.packages(OURS))
    return Worker(bench.environments.python(peer.environment), peer.file, url, packages, **aws)


def _turns(workers: Mapping[str, Worker], *, store: bool) -> Iterator[tuple[Turn, Cost]]:
    """One round: every contender at every depth."""
    for levels, count in COUNTS.items():
        turn = [name for name in workers if not (store and name == FLOOR.label)]
        answers = {name: workers[name].obey(symbol="BTCUSDT", levels=levels, count=count, store=store) for name in turn}
        check_equal(answers)
        for name, answer in answers.items():
            yield (name, levels, store), answer.cost


def _rows(costs: Costs, *, stored: bool) -> str:
    names = dict.fromkeys(name for name, _, store in costs if store is stored)
    rows = {name: [_ratio(costs, name, levels, stored=stored) for levels in COUNTS] for name in names}
    if not stored:
        rows[FLOOR.label] = [f"1 ({micro:.0f} µs)" for micro in _micros(costs)[FLOOR.label]]
    peaks = {name: max(cost.peak_mb for levels in COUNTS for cost in costs[name, levels, stored]) for name in rows}
    return table(
        ["levels", *map(str, COUNTS), "peak memory, MB"],
        {name: [*cells, f"{peaks[name]:.0f}"] for name, cells in rows.items()},
    )


def _ratio(costs: Costs, name: str, levels: int, *, stored: bool) -> object:
    mine, base = costs[name, levels, stored], costs[FLOOR.label, levels, False]
    return ratio([cost.cpu for cost in mine], [cost.cpu for cost in base])


def _micros(costs: Costs) -> dict[str, list[float]]:
    names = dict.fromkeys(name for name, _, _ in costs)
    return {
        name: [
            figure([cost.cpu for cost in costs[name, levels, False]]).median * 1e6 / count
            for levels, count in COUNTS.items()
        ]
        for name in names
    }


def _targets(costs: Costs) -> list[Target]:
    def median(name: str, levels: int) -> float:
        base = costs[FLOOR.label, levels, False]
        return ratio([cost.cpu for cost in costs[name, levels, False]], [cost.cpu for cost in base]).median

    against_floor = [
        Target(f"warm, {levels} levels, CPU × a raw socket", median(US.label, levels), most)
        for levels, most in MOST.items()
    ]
    return against_floor + [
        Target(
            f"warm, {levels} levels, CPU × the best synchronous peer",
            median(US.label, levels) / min(median(name, levels) for name in SYNCHRONOUS),
            1.0,
        )
        for levels in COUNTS
    ]
