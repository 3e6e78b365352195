"""Sampling: one more sample, the full record, a put, a new process, and 400 pairs at once."""

import statistics
from collections.abc import Iterator, Sequence
from functools import partial

from infra.bench.null_table import NullTable
from infra.bench.processes import OTHERS, Bench, Row, alternate, cpu_share, measure, ratio, workers
from infra.cost import FULL_CPU_MB
from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import DEFAULT_SYMBOLS

LEVELS = {5: (60, 6.9, 0.65), 100: (60, 3.9, 0.58), 1000: (30, 1.35, 0.56), 5000: (12, 0.9, 0.6)}
"""Levels → samples at a time, targets: CPU × the floor, × the best of the others."""
MEMORY = (
    (12, 1000, 256, None), (40, 1000, 256, None), (40, 1000, 512, None), (120, 1000, 512, None),
    (120, 1000, 1024, None), (400, 100, 512, None), (400, 100, 1024, 0.5), (400, 100, 1769, None),
)  # fmt: skip
"""Pairs, limit and the function's memory in MB, and a target for the skew."""
SYMBOLS = [f"S{number:03}USDT" for number in range(300)]
LAMBDA = """
import time
from handler.app import lambda_handler
from infra.testkit.lambda_container import LambdaContext
lambda_handler({}, LambdaContext(time.monotonic() + 30))
"""


def warm(bench: Bench) -> Iterator[Row]:
    """One more sample, six keys, in a process that has made some."""
    with _exchange() as exchange, workers(exchange.url, "raw", "ours", *OTHERS) as started:
        for levels, (count, floor_target, others_target) in LEVELS.items():
            command = {"symbols": ["BTCUSDT"], "levels": levels, "count": count}
            jobs = {name: partial(worker.run, **command) for name, worker in started.items()}
            costs = alternate(jobs, bench.rounds(12))
            imbalances = [cost.obi for each in costs.values() for cost in each]
            if max(imbalances) - min(imbalances) > 2e-6:
                raise RuntimeError(f"not the same imbalance: {imbalances}")
            for name, each in costs.items():
                cpu = statistics.median(cost.cpu for cost in each) / count * 1e6
                bench.point("levels: CPU of one sample, µs", name, levels, cpu)
            best = [min(each) for each in zip(*(costs[name] for name in OTHERS), strict=True)]
            for what, below, target in (
                ("a raw socket", costs["raw"], floor_target),
                ("the best of the others", best, others_target),
            ):
                yield Row(f"warm, {levels} levels, CPU × {what}", ratio(costs["ours"], below), target)


def full(bench: Bench) -> Iterator[Row]:
    """The full record at limit 1000, beside six keys at the same limit."""
    with _exchange() as exchange, workers(exchange.url, "ours") as started:
        run = partial(started["ours"].run, symbols=["BTCUSDT"], levels=5, count=30, limit=1000)
        costs = alternate({"full": partial(run, detail=True), "plain": run}, bench.rounds(12))
    yield Row("warm, full record at limit 1000, CPU × six keys", ratio(costs["full"], costs["plain"]), 1.25)


def put(bench: Bench) -> Iterator[Row]:
    """One put of an item, beside boto3's own put_item of the same item."""
    with NullTable() as table, workers("", "table", "put_item", **table.variables) as started:
        jobs = {name: partial(worker.run, symbols=[""], levels=0, count=100) for name, worker in started.items()}
        costs = alternate(jobs, bench.rounds(12))
    yield Row("one put, CPU × put_item of boto3", ratio(costs["table"], costs["put_item"]), 1.1)
    yield Row("one put, CPU", statistics.median(cost.cpu for cost in costs["table"]) / 100 * 1e6, None, "µs")


def cold(bench: Bench) -> Iterator[Row]:
    """A new process until its end, with one record printed or stored."""
    with _exchange() as exchange, NullTable() as table:
        runner = {"OBI_BASE_URL": exchange.url, "OBI_SYMBOLS": "BTC", "OBI_LEVELS": "100"}
        function = {**runner, **table.variables, "OBI_TABLE": "obi", "POWERTOOLS_METRICS_NAMESPACE": "bench"}
        jobs = {
            "empty": partial(measure, "-c", "pass"),
            "printed": partial(measure, "-m", "handler", "--count", "1", **runner),
            "stored": partial(measure, "-c", LAMBDA, **function),
        }
        costs = alternate(jobs, bench.rounds(10))
    empty = costs["empty"]
    yield Row("cold, first record printed, CPU × `python -c pass`", ratio(costs["printed"], empty), 9.5)
    yield Row("cold, first record stored by the function, × the same", ratio(costs["stored"], empty), 18)


def sweep(bench: Bench) -> Iterator[Row]:
    """300 spot pairs and 100 futures at once, with 20 ms of network."""
    symbols = [*SYMBOLS, *(f"usdm:{symbol}" for symbol in SYMBOLS[:100])]
    with _exchange(SYMBOLS, latency_ms=20) as exchange, workers(exchange.url, "ours", "raw") as started:
        for pairs in (1, 10, 50, 100, 200, 400):
            command = {"symbols": symbols[:pairs], "levels": 100, "count": 1}
            costs = alternate({name: partial(started[name].run, **command) for name in started}, bench.rounds(7))
            for name, each in costs.items():
                wall = statistics.median(cost.wall for cost in each)
                bench.point("pairs, limit 100, 20 ms: seconds for all", name, pairs, wall)
        walls = ratio(costs["ours"], costs["raw"], "wall")
        yield Row("400 pairs, limit 100, 20 ms: wall × 16 raw sockets", walls, 0.45)
        ours = started["ours"]
        for pairs, limit, megabytes, target in MEMORY:
            sample = partial(ours.run, symbols=symbols[:pairs], levels=5, count=1, limit=limit, detail=True)
            with cpu_share(ours.pid, megabytes / FULL_CPU_MB):
                skew = statistics.median(sample().skew for _ in range(bench.rounds(7)))
            what = f"{pairs} pairs, limit {limit}, {megabytes} MB: from the first book to the last"
            yield Row(what, skew, target, "s")


def _exchange(symbols: Sequence[str] = DEFAULT_SYMBOLS, latency_ms: float = 0) -> FakeExchange:
    """The fake exchange, in a thread of this process, with books that do not change."""
    return FakeExchange(symbols, tick_ms=0, latency_ms=latency_ms, weight_limit=0, keep_requests=0)
