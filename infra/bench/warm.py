"""Warm: the CPU of one more sample in a process that has made some."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from infra.bench.environments import OURS
from infra.bench.pictures import draw_warm
from infra.bench.processes import Cost, Worker, check_equal
from infra.bench.results import FLOOR, OTHERS, US, Bench, Figure, Peer, Section, Target, figure, ratio, table
from infra.bench.servers import exchange, null_table

SEEDS = 5
"""Books, one after the other: in about one of six a sum is halfway between two roundings and takes exact decimals."""
ROUNDS = 3
"""Rounds of all contenders with each book."""
COUNTS = {5: 60, 20: 60, 100: 60, 1000: 30, 5000: 16}
"""Levels → samples at a time: enough of them that each includes some garbage collection."""
MAX_RATIOS = {5: 20.0, 100: 6.5, 5000: 1.5}
"""Levels → the target, as a ratio to the floor."""
SYNCHRONOUS = ("python-binance", "ccxt", "binance-sdk-spot")

Costs = dict[tuple[str, int, bool], list[Cost]]
"""Contender, levels, whether stored → the cost of each round."""


def run(bench: Bench) -> Section:
    """Alternate between all contenders at every depth, first printing only, then storing too."""
    costs: Costs = {}
    for seed in range(1 if bench.quick else SEEDS):
        bench.log(f"warm: book {seed}")
        with exchange("--seed", str(seed)) as url, null_table() as aws, ExitStack() as stack:
            workers = {peer.label: stack.enter_context(start(bench, peer, url, aws)) for peer in (FLOOR, US, *OTHERS)}
            for store in (False, True):  # in this order: those that only print should not have boto3 loaded
                for number in range(ROUNDS + 1):
                    for key, cost in _round(workers, store=store):
                        if number:  # round 0 fills caches and opens connections
                            costs.setdefault(key, []).append(cost)
    text = [
        "CPU of one sample, record line included, as the ratio to a raw socket with `json.loads` and the sum (whose"
        " microseconds are given for scale).",
        _rows(costs, store=False),
        f"{SEEDS} books, one after the other. Where a sum is exactly halfway between two roundings, as in about one of"
        " six books of a pair with prices to 2 and quantities to 5 places, this project computes exact decimals, which"
        " takes about half as long again at 5000 levels; the others round floats.",
        "The same, stored too. This project puts with a condition over one client; the others with the same condition"
        " over boto3's `Table`. The floor does not store.",
        _rows(costs, store=True),
    ]
    return Section(
        "Warm: one more sample", "\n\n".join(text), _targets(costs), [draw_warm(list(COUNTS), _micros(costs))]
    )


def start(bench: Bench, peer: Peer, url: str, aws: Mapping[str, str]) -> Worker:
    """A contender in its environment, with boto3 importable."""
    packages = str(bench.environments.packages(OURS))
    return Worker(bench.environments.python(peer.environment), peer.module, url, packages, **aws)


def _round(workers: Mapping[str, Worker], *, store: bool) -> Iterator[tuple[tuple[str, int, bool], Cost]]:
    for levels, count in COUNTS.items():
        results = {
            name: worker.run_command(symbol="BTCUSDT", levels=levels, count=count, store=store)
            for name, worker in workers.items()
            if not (store and name == FLOOR.label)
        }
        check_equal(results)
        for name, result in results.items():
            yield (name, levels, store), result.cost


def _rows(costs: Costs, *, store: bool) -> str:
    rows: dict[str, list[object]] = {}
    for name in dict.fromkeys(name for name, _, stored in costs if stored is store):
        rows[name] = [_ratio(costs, name, levels, store=store) for levels in COUNTS]
        peak_mb = max(cost.peak_mb for levels in COUNTS for cost in costs[name, levels, store])
        rows[name].append(f"{peak_mb:.0f}")
    if not store:
        rows[FLOOR.label][:-1] = [f"1 ({micros:.0f} µs)" for micros in _micros(costs)[FLOOR.label]]
    return table(["levels", *map(str, COUNTS), "peak memory, MB"], rows)


def _ratio(costs: Costs, name: str, levels: int, *, store: bool = False) -> Figure:
    base = costs[FLOOR.label, levels, False]
    return ratio([cost.cpu for cost in costs[name, levels, store]], [cost.cpu for cost in base])


def _micros(costs: Costs) -> dict[str, list[float]]:
    """Contender → the CPU microseconds of a printed sample at each depth."""
    return {
        name: [
            figure([cost.cpu for cost in costs[name, levels, False]]).median * 1e6 / count
            for levels, count in COUNTS.items()
        ]
        for name in dict.fromkeys(name for name, _, _ in costs)
    }


def _targets(costs: Costs) -> list[Target]:
    ours = {levels: _ratio(costs, US.label, levels).median for levels in COUNTS}
    best_peer = {levels: min(_ratio(costs, name, levels).median for name in SYNCHRONOUS) for levels in COUNTS}
    return [
        *(
            Target(f"warm, {levels} levels, CPU × a raw socket", ours[levels], maximum)
            for levels, maximum in MAX_RATIOS.items()
        ),
        *(
            Target(f"warm, {levels} levels, CPU × the best synchronous peer", ours[levels] / best_peer[levels], 1.0)
            for levels in COUNTS
        ),
    ]
