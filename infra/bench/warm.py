"""Warm: the CPU of one more sample in a process that has made some."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from infra.bench.environments import OURS
from infra.bench.pictures import draw_warm
from infra.bench.processes import Cost, Worker, check_equal
from infra.bench.results import FLOOR, LEAN, REQUESTS, US, Bench, Figure, Peer, Section, Target, figure, ratio, table
from infra.bench.servers import exchange, null_table

SEEDS = (0, 1, 2, 3)
"""Books of one pair, one after the other, so that no single book decides."""
ROUNDS = 4
"""Rounds of all contenders with each book."""
COUNTS = {5: 60, 100: 60, 1000: 30, 5000: 12}
"""Levels → samples at a time: enough of them that each includes some garbage collection."""
MAX_RATIOS = {5: 20.0, 100: 6.8, 1000: 1.35, 5000: 1.0}
"""Levels → the target, as a ratio to the floor."""
SYNCHRONOUS = (REQUESTS.label, "python-binance", "ccxt", "binance-sdk-spot")
"""Those that users reach for first: ahead of them at every depth, of all others from LEADING_LEVELS on."""
LEADING_LEVELS = 1000

STORED, STORED_LEVELS = "stored", 100

KIND_LEVELS = 1000
KINDS = {
    "BTCUSDT: prices to 2, quantities to 5 decimals": ("BTCUSDT", 1),
    "the same, one sum of which takes exact decimals": ("BTCUSDT", 7),
    "ETHBTC: prices to 6, quantities to 4 decimals": ("ETHBTC", 1),
    "SHIBUSDT: prices to 8 decimals, whole quantities": ("SHIBUSDT", 1),
    "a thin pair: 140 bids, 335 asks": ("S007USDT", 1),
    "BTCUSDT futures": ("usdm:BTCUSDT", 1),
}
"""Kind of book → pair and seed."""
FUTURES = {FLOOR.label, US.label, REQUESTS.label, LEAN.label, "python-binance", "python-binance, async"}
"""Those that are measured on futures; the SDK has another package for them, ccxt another class."""

DEPTHS: dict[str, dict[str, Any]] = {
    "`--levels 5 --limit 1000`": {"levels": 5, "limit": 1000},
    "the same and `--bps 10 50`": {"levels": 5, "limit": 1000, "bps": [10, 50]},
    "`--levels 1000`": {"levels": 1000},
    "`--levels 1000 --bps 10 50`": {"levels": 1000, "limit": 1000, "bps": [10, 50]},
}

Case = int | str
"""So many levels, a kind of book, depths, or STORED."""
Costs = dict[tuple[str, Case], list[Cost]]
"""Contender and case → the cost of each round."""


def run(bench: Bench) -> Section:
    """Alternate between all contenders at every depth, with every kind of book, and storing too."""
    costs = Costs()
    for seed in SEEDS[:1] if bench.quick else SEEDS:
        bench.log(f"warm: book {seed}")
        with exchange("--seed", str(seed)) as url:
            _measure_depths(bench, url, costs)
    for name, (symbol, seed) in KINDS.items():
        bench.log(f"warm: {name}")
        with exchange("--seed", str(seed), "--symbols", symbol.rpartition(":")[2]) as url:
            _measure_kind(bench, url, name, symbol, costs)
    text = [
        "CPU of one sample, record line included, as the ratio to a raw socket with `json.loads` and the sum (whose"
        f" microseconds are given for scale). {len(SEEDS)} books of BTCUSDT, one after the other.",
        _rows(costs, list(COUNTS)),
        _leaders(costs),
        f"Sampled and stored, {STORED_LEVELS} levels; the floor does not store. This project puts with a condition over"
        " one client; the others with the same condition over boto3's `Table`.",
        _stored_rows(costs),
        f"Books of several kinds, {KIND_LEVELS} levels. Where a sum is exactly halfway between two roundings, as one in"
        " ten is that has 7 decimals, this project computes exact decimals; the others round floats.",
        _kind_rows(costs),
        "Several depths from one request, this project alone.",
        _depth_rows(costs),
    ]
    pictures = [] if bench.quick else [draw_warm(list(COUNTS), _micros(costs))]
    return Section("Warm: one more sample", "\n\n".join(text), _targets(costs), pictures)


def _measure_depths(bench: Bench, url: str, costs: Costs) -> None:
    with _workers(bench, url) as workers:
        ours = {US.label: workers[US.label]}
        storing = {name: worker for name, worker in workers.items() if name != FLOOR.label}
        for kept in _rounds(bench, costs):
            for levels, count in COUNTS.items():
                _alternate(workers, kept, levels, symbol="BTCUSDT", levels=levels, count=count)
            for name, command in DEPTHS.items():
                _alternate(ours, kept, name, symbol="BTCUSDT", count=COUNTS[1000], **command)
        command = {"symbol": "BTCUSDT", "levels": STORED_LEVELS, "count": COUNTS[STORED_LEVELS], "store": True}
        for kept in _rounds(bench, costs):  # last: those that only print should not have boto3 loaded
            _alternate(storing, kept, STORED, **command)


def _measure_kind(bench: Bench, url: str, name: str, symbol: str, costs: Costs) -> None:
    with _workers(bench, url, FUTURES if ":" in symbol else None) as workers:
        for kept in _rounds(bench, costs):
            _alternate(workers, kept, name, symbol=symbol, levels=KIND_LEVELS, count=COUNTS[KIND_LEVELS])


@contextmanager
def _workers(bench: Bench, url: str, only: set[str] | None = None) -> Iterator[dict[str, Worker]]:
    """The contenders, by name."""
    peers = [peer for peer in (FLOOR, US, *bench.others) if only is None or peer.label in only]
    with null_table() as aws, ExitStack() as stack:
        yield {peer.label: stack.enter_context(start(bench, peer, url, aws)) for peer in peers}


def start(bench: Bench, peer: Peer, url: str, aws: Mapping[str, str]) -> Worker:
    """A contender in its environment, with boto3 importable."""
    packages = str(bench.environments.packages(OURS))
    return Worker(bench.environments.python(peer.environment), peer.module, url, packages, **aws)


def _rounds(bench: Bench, costs: Costs) -> Iterator[Costs]:
    """Where the costs of each round belong; those of the first, which fills caches, are not kept."""
    yield Costs()
    for _ in range(bench.rounds(ROUNDS)):
        yield costs


def _alternate(workers: Mapping[str, Worker], costs: Costs, case: Case, **command: Any) -> None:
    """Give all the same command, one after the other."""
    results = {name: worker.run_command(**command) for name, worker in workers.items()}
    check_equal(results)
    for name, result in results.items():
        costs.setdefault((name, case), []).append(result.cost)


def _ratio(costs: Costs, name: str, case: Case, base: Case | None = None) -> Figure:
    """CPU as the ratio to the floor's in the base case, by default the same case."""
    floor = costs[FLOOR.label, case if base is None else base]
    return ratio([cost.cpu for cost in costs[name, case]], [cost.cpu for cost in floor])


def _names(costs: Costs, case: Case) -> list[str]:
    return [name for name, known in costs if known == case]


def _rows(costs: Costs, levels: Sequence[int]) -> str:
    rows: dict[str, list[object]] = {}
    for name in _names(costs, levels[0]):
        peak_mb = max(cost.peak_mb for count in levels for cost in costs[name, count])
        rows[name] = [*(_ratio(costs, name, count) for count in levels), f"{peak_mb:.0f}"]
    rows[FLOOR.label][:-1] = [f"1 ({micros:.0f} µs)" for micros in _micros(costs)[FLOOR.label]]
    return table(["levels", *map(str, levels), "peak memory, MB"], rows)


def _stored_rows(costs: Costs) -> str:
    rows = {name: [_ratio(costs, name, STORED, STORED_LEVELS)] for name in _names(costs, STORED)}
    return table(["CPU × a raw socket that only samples", "stored too"], rows)


def _kind_rows(costs: Costs) -> str:
    names = _names(costs, next(iter(KINDS)))[1:]
    rows = {kind: [_ratio(costs, name, kind) if (name, kind) in costs else "" for name in names] for kind in KINDS}
    return table(["CPU × a raw socket", *names], rows)


def _depth_rows(costs: Costs) -> str:
    rows = {
        name: [f"{figure([cost.cpu for cost in costs[US.label, name]]).median * 1e6 / COUNTS[1000]:.0f}", over]
        for name, over in zip(DEPTHS, ["1", _distances(costs, 0), "1", _distances(costs, 2)], strict=True)
    }
    return table(["", "CPU, µs", "× without `--bps`"], rows)


def _distances(costs: Costs, first: int) -> Figure:
    """What two distances add to the depth of that number."""
    without, added = list(DEPTHS)[first : first + 2]
    return ratio(*([cost.cpu for cost in costs[US.label, name]] for name in (added, without)))


def _leaders(costs: Costs) -> str:
    """Who needs less CPU than this project, and why."""
    ahead = []
    for levels in COUNTS:
        ours = _ratio(costs, US.label, levels).median
        leaders = {name: _ratio(costs, name, levels).median / ours for name in _names(costs, levels)[2:]}
        found = [f"{name} {share:.2f}" for name, share in sorted(leaders.items(), key=lambda one: one[1]) if share < 1]
        ahead.append(f"at {levels} levels {', '.join(found) or 'none'}")
    return (
        f"With less CPU than this project, as its share: {'; '.join(ahead)}. Most of a small sample is the request and"
        " the head of the response: the asynchronous clients have aiohttp, which parses it in C, and lean requests has"
        " no deadline for the whole response, nor a check that it belongs to the request. Of a large one it is the"
        " book, which msgspec reads here, checked, in C."
    )


def _micros(costs: Costs) -> dict[str, list[float]]:
    """Contender → the CPU microseconds of a printed sample at each depth."""
    return {
        name: [
            figure([cost.cpu for cost in costs[name, levels]]).median * 1e6 / count for levels, count in COUNTS.items()
        ]
        for name in _names(costs, 5)
    }


def _targets(costs: Costs) -> list[Target]:
    targets = []
    for levels, maximum in MAX_RATIOS.items():
        ours = _ratio(costs, US.label, levels).median
        others = {name: _ratio(costs, name, levels).median for name in _names(costs, levels)[2:]}
        synchronous = min(others[name] for name in SYNCHRONOUS if name in others)
        head = f"warm, {levels} levels, CPU ×"
        targets.append(Target(f"{head} a raw socket", ours, maximum, quoted=True))
        targets.append(Target(f"{head} the best synchronous client", ours / synchronous, 1.0))
        if levels >= LEADING_LEVELS:
            targets.append(Target(f"{head} the best of all clients", ours / min(others.values()), 1.0, quoted=True))
    for depth, first in (("5 of 1000", 0), ("1000", 2)):
        head = f"warm, {depth} levels and 2 distances, CPU × without them"
        targets.append(Target(head, _distances(costs, first).median, 1.25))
    return targets
