"""Sampling: one more sample, the full record, a put, a new process, and 400 pairs at once."""

import statistics
from collections.abc import Callable, Iterator

from infra.bench.processes import CPUS_PER_MB, Cost, cpu_share, exchange, measure, median_ratio, null_table, workers
from infra.bench.report import Bench, Row

LEVELS = {5: (60, 6.9, 0.65), 100: (60, 3.9, 0.58), 1000: (30, 1.35, 0.56), 5000: (12, 0.9, 0.6)}
"""Levels → samples at a time, targets: CPU × the floor, × the best of the others."""
OTHERS = ("requests", "python-binance", "ccxt")
SWEEP_SYMBOLS = [f"S{number:03}USDT" for number in range(300)]


def warm(bench: Bench) -> Iterator[Row]:
    """One more sample, six keys, in a process that has made some."""
    costs: dict[tuple[str, int], list[float]] = {}
    with exchange(bench.folder) as url, workers(url) as started:
        for number in range(bench.rounds(12) + 1):
            for levels, (count, *_) in LEVELS.items():
                answers = {
                    name: worker.run(symbols=["BTCUSDT"], levels=levels, count=count)
                    for name, worker in started.items()
                }
                if max(a.obi for a in answers.values()) - min(a.obi for a in answers.values()) > 2e-6:
                    raise RuntimeError(f"not the same imbalance: {answers}")
                for name, answer in answers.items():
                    if number:  # the first round fills caches
                        costs.setdefault((name, levels), []).append(answer.cpu / count * 1e6)
    for (name, levels), values in costs.items():
        bench.curves.setdefault(name, {})[levels] = statistics.median(values)
    for levels, (_, floor_target, others_target) in LEVELS.items():
        ours = costs["ours", levels]
        best = [min(values) for values in zip(*(costs[name, levels] for name in OTHERS), strict=True)]
        yield Row(
            f"warm, {levels} levels, CPU × a raw socket",
            median_ratio(ours, costs["a raw socket", levels]),
            floor_target,
        )
        yield Row(
            f"warm, {levels} levels, CPU × the best of {', '.join(OTHERS)}", median_ratio(ours, best), others_target
        )


def full(bench: Bench) -> Iterator[Row]:
    """The full record at limit 1000, beside six keys at the same limit."""
    plain: list[float] = []
    detailed: list[float] = []
    with exchange(bench.folder) as url, workers(url, "ours") as started:
        for number in range(bench.rounds(12) + 1):
            for costs, detail in ((plain, False), (detailed, True)):
                answer = started["ours"].run(symbols=["BTCUSDT"], levels=5, count=30, limit=1000, detail=detail)
                if number:
                    costs.append(answer.cpu)
    yield Row("warm, full record at limit 1000, CPU × six keys", median_ratio(detailed, plain), 1.25)


def put(bench: Bench) -> Iterator[Row]:
    """One put of an item, beside boto3's own put_item of the same item."""
    ours: list[float] = []
    plain: list[float] = []
    with exchange(bench.folder) as url, null_table(bench.folder) as aws, workers(url, "ours", **aws) as started:
        for number in range(bench.rounds(12) + 1):
            for costs, how in ((plain, "boto3"), (ours, "table")):
                answer = started["ours"].run(count=100, how=how)
                if number:
                    costs.append(answer.cpu)
    yield Row("one put, CPU × put_item of boto3", median_ratio(ours, plain), 1.1)
    yield Row("one put, CPU", statistics.median(ours) / 100 * 1e6, None, "µs")


LAMBDA = """
import time
from handler.app import lambda_handler
from infra.testkit.lambda_context import LambdaContext
lambda_handler({}, LambdaContext(time.monotonic() + 30))
"""


def cold(bench: Bench) -> Iterator[Row]:
    """A new process until its end, with one record printed or stored."""
    with exchange(bench.folder) as url, null_table(bench.folder) as aws:
        base = {"OBI_BASE_URL": url, "OBI_SYMBOLS": "BTC", "OBI_LEVELS": "100"}
        cloud = {**base, **aws, "OBI_TABLE": "obi", "AWS_LAMBDA_FUNCTION_NAME": "bench"}
        jobs: dict[str, Callable[[], Cost]] = {
            "empty": lambda: measure("-c", "pass"),
            "printed": lambda: measure("-m", "handler", "--count", "1", **base),
            "stored": lambda: measure("-c", LAMBDA, POWERTOOLS_METRICS_NAMESPACE="bench", **cloud),
        }
        costs: dict[str, list[float]] = {name: [] for name in jobs}
        for number in range(bench.rounds(10) + 1):
            for name, job in jobs.items():
                cost = job().cpu
                if number:  # the first round compiles
                    costs[name].append(cost)
    yield Row("cold, first record printed, CPU × `python -c pass`", median_ratio(costs["printed"], costs["empty"]), 9.5)
    yield Row(
        "cold, first record stored by the function, × the same", median_ratio(costs["stored"], costs["empty"]), 18
    )


def sweep(bench: Bench) -> Iterator[Row]:
    """400 pairs of both markets at once, with 20 ms of network."""
    symbols = [*SWEEP_SYMBOLS, *(f"usdm:{symbol}" for symbol in SWEEP_SYMBOLS[:100])]
    walls: dict[str, list[float]] = {"ours": [], "a raw socket": []}
    flags = ("--latency-ms", "20", "--symbols", *SWEEP_SYMBOLS)
    with exchange(bench.folder, *flags) as url, workers(url, *walls) as started:
        for number in range(bench.rounds(7) + 1):
            for name, worker in started.items():
                answer = worker.run(symbols=symbols, levels=100, count=1)
                if number:
                    walls[name].append(answer.wall)
        yield Row(
            "400 pairs, limit 100, 20 ms: wall × 16 raw sockets",
            median_ratio(walls["ours"], walls["a raw socket"]),
            0.45,
        )
        ours = started["ours"]
        for megabytes, target in ((512, None), (1024, 0.5)):
            with cpu_share(ours.process.pid, megabytes * CPUS_PER_MB):
                skews = [
                    ours.run(symbols=symbols, levels=100, count=1, detail=True).skew for _ in range(bench.rounds(7))
                ]
            yield Row(
                f"the same, from the first book to the last, {megabytes} MB", statistics.median(skews), target, "s"
            )
