"""Warm: the CPU of one more sample in a process that has made some."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.bench.pictures import draw_warm
from infra.bench.processes import Cost, Worker, check_equal
from infra.bench.results import FLOOR, LEAN, REQUESTS, US, Bench, Figure, Section, Target, micros, ratio, table
from infra.bench.servers import contenders, exchange

SEEDS = (0, 1, 2, 3)
"""Books of one pair, one after the other, so that no single book decides."""
ROUNDS = 4
COUNTS = {5: 60, 100: 60, 1000: 30, 5000: 12}
"""Levels → samples at a time: enough of them that each includes some garbage collection."""
MAX_RATIOS = {5: 20.0, 100: 6.8, 1000: 1.35, 5000: 1.0}
"""Levels → the target, as a ratio to the floor."""
SYNCHRONOUS = (REQUESTS.label, "python-binance", "ccxt", "binance-sdk-spot")
"""Those that users reach for first: ahead of them at every depth, of all others from LEADING_LEVELS on."""
LEADING_LEVELS = 1000

KIND_LEVELS = 1000
KINDS = {
    "BTCUSDT: prices to 2, quantities to 5 decimals": ("BTCUSDT", 1),
    "the same, one sum of which takes exact decimals": ("BTCUSDT", 7),
    "ETHBTC: prices to 6, quantities to 4 decimals": ("ETHBTC", 1),
    "SHIBUSDT: prices to 8 decimals, whole quantities": ("SHIBUSDT", 1),
    "a thin pair: 140 bids, 335 asks": ("S007USDT", 1),
    "BTCUSDT futures": ("usdm:BTCUSDT", 1),
}
FUTURES = {FLOOR.label, US.label, REQUESTS.label, LEAN.label, "python-binance", "python-binance, async"}
"""Those that are measured on futures; the SDK has another package for them, ccxt another class."""

DEPTHS: dict[str, dict[str, Any]] = {
    "`--levels 5 --limit 1000`": {"levels": 5, "limit": 1000},
    "the same and `--bps 10 50`": {"levels": 5, "limit": 1000, "bps": [10, 50]},
    "`--levels 1000`": {"levels": 1000},
    "`--levels 1000 --bps 10 50`": {"levels": 1000, "limit": 1000, "bps": [10, 50]},
}

Case = int | str
"""So many levels, a kind of book, or depths."""
Costs = dict[tuple[str, Case], list[Cost]]
"""Contender and case → the cost of each round."""


def run(bench: Bench) -> Section:
    """Alternate between all contenders at every depth and with every kind of book."""
    costs = Costs()
    for seed in SEEDS[:1] if bench.quick else SEEDS:
        bench.log(f"warm: book {seed}")
        with exchange("--seed", str(seed)) as url, contenders(bench, url) as workers:
            for kept in _rounds(bench, costs):
                _measure_depths(workers, kept)
    for kind, (symbol, seed) in KINDS.items():
        bench.log(f"warm: {kind}")
        only = FUTURES if ":" in symbol else ()
        listed = symbol.rpartition(":")[2]
        with (
            exchange("--seed", str(seed), "--symbols", listed, "BTCUSDT") as url,
            contenders(bench, url, only) as workers,
        ):
            for kept in _rounds(bench, costs):
                _alternate(workers, kept, kind, symbol=symbol, levels=KIND_LEVELS, count=COUNTS[KIND_LEVELS])
    text = [
        "CPU of one sample, record line included, as the ratio to a raw socket with `json.loads` and the sum (whose"
        f" microseconds are given for scale). {len(SEEDS)} books of BTCUSDT, one after the other.",
        _rows(costs),
        _leaders(costs),
        f"Books of several kinds, {KIND_LEVELS} levels. Where a sum is exactly halfway between two roundings, as one in"
        " ten is that has 7 decimals, this project computes exact decimals; the others round floats.",
        _kind_rows(costs),
        "Several depths from one request, this project alone.",
        _depth_rows(costs),
    ]
    curves = {
        name: [micros(costs[name, levels], count).median for levels, count in COUNTS.items()] for name in _all(costs)
    }
    pictures = [] if bench.quick else [draw_warm(list(COUNTS), curves)]
    return Section("Warm: one more sample", "\n\n".join(text), _targets(costs), pictures)


def _rounds(bench: Bench, costs: Costs) -> Iterator[Costs]:
    """Where the costs of each round belong; those of the first, which fills caches, are not kept."""
    yield Costs()
    for _ in range(bench.rounds(ROUNDS)):
        yield costs


def _measure_depths(workers: Mapping[str, Worker], costs: Costs) -> None:
    for levels, count in COUNTS.items():
        _alternate(workers, costs, levels, symbol="BTCUSDT", levels=levels, count=count)
    for name, command in DEPTHS.items():
        ours = {US.label: workers[US.label]}
        _alternate(ours, costs, name, symbol="BTCUSDT", count=COUNTS[1000], **command)


def _alternate(workers: Mapping[str, Worker], costs: Costs, case: Case, **command: Any) -> None:
    """Give all the same command, one after the other."""
    results = {name: worker.run_command(**command) for name, worker in workers.items()}
    check_equal(results)
    for name, result in results.items():
        costs.setdefault((name, case), []).append(result.cost)


def _all(costs: Costs) -> list[str]:
    """All contenders, the floor and this project first."""
    return list(dict.fromkeys(name for name, _ in costs))


def _ratio(costs: Costs, name: str, case: Case) -> Figure:
    return ratio(costs[name, case], costs[FLOOR.label, case])


def _medians(costs: Costs, levels: int) -> dict[str, float]:
    """The others' CPU divided by this project's."""
    return {name: ratio(costs[name, levels], costs[US.label, levels]).median for name in _all(costs)[2:]}


def _rows(costs: Costs) -> str:
    rows: dict[str, list[object]] = {}
    for name in _all(costs):
        peak_mb = max(cost.peak_mb for levels in COUNTS for cost in costs[name, levels])
        rows[name] = [*(_ratio(costs, name, levels) for levels in COUNTS), f"{peak_mb:.0f}"]
    floor = {levels: micros(costs[FLOOR.label, levels], count).median for levels, count in COUNTS.items()}
    rows[FLOOR.label][:-1] = [f"1 ({value:.0f} µs)" for value in floor.values()]
    return table(["levels", *map(str, COUNTS), "peak memory, MB"], rows)


def _leaders(costs: Costs) -> str:
    """Who needs less CPU than this project, and why."""
    ahead = []
    for levels in COUNTS:
        shares = sorted((share, name) for name, share in _medians(costs, levels).items() if share < 1)
        ahead.append(f"at {levels} levels {', '.join(f'{name} {share:.2f}' for share, name in shares) or 'none'}")
    return (
        f"With less CPU than this project, as its share: {'; '.join(ahead)}. Most of a small sample is the request and"
        " the head of the response: asynchronous clients have aiohttp, which parses it in C, and lean requests has no"
        " deadline for the whole response, nor a check that it belongs to the request. Of a large one it is the book,"
        " which msgspec reads here, checked, in C."
    )


def _kind_rows(costs: Costs) -> str:
    names = _all(costs)[1:]
    rows = {kind: [_ratio(costs, name, kind) if (name, kind) in costs else "" for name in names] for kind in KINDS}
    return table(["CPU × a raw socket", *names], rows)


def _depth_rows(costs: Costs) -> str:
    without = [name for name in DEPTHS for _ in "12" if "bps" not in DEPTHS[name]]
    rows = {
        name: [micros(costs[US.label, name], COUNTS[1000]), ratio(costs[US.label, name], costs[US.label, base])]
        for name, base in zip(DEPTHS, without, strict=True)
    }
    return table(["", "CPU, µs", "× without `--bps`"], rows)


def _targets(costs: Costs) -> list[Target]:
    targets = []
    for levels, maximum in MAX_RATIOS.items():
        others = _medians(costs, levels)
        synchronous = min(share for name, share in others.items() if name in SYNCHRONOUS)
        head = f"warm, {levels} levels, CPU ×"
        targets.append(Target(f"{head} a raw socket", _ratio(costs, US.label, levels).median, maximum))
        targets.append(Target(f"{head} the best of {', '.join(SYNCHRONOUS)}", 1 / synchronous, 1.0))
        if levels >= LEADING_LEVELS:
            targets.append(Target(f"{head} the best of all clients", 1 / min(others.values()), 1.0))
    return targets
