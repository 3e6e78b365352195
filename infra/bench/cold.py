"""Cold: a new process until its first record."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.bench.environments import OURS, RUNNER
from infra.bench.processes import CONTENDERS, Cost, run_process
from infra.bench.results import FLOOR, US, Bench, Peer, Section, Target, figure, ratio, table
from infra.bench.servers import TABLE, exchange, null_table

ROUNDS = 11
LEVELS = "100"
EMPTY = "`python -c pass`"
FUNCTION = "**this project's Lambda path**, with bytecode"
UNCOMPILED = "**this project's Lambda path**, built without bytecode"

Job = Callable[[], Cost]
Costs = Mapping[str, Sequence[Cost]]


def run(bench: Bench) -> Section:
    """Alternate between all contenders; the first round, not counted, fills the bytecode caches."""
    with exchange() as url, null_table() as aws:
        printing, storing = _printing(bench, url), _storing(bench, url, aws)
        costs = _alternate(printing | storing, bench)
    text = [
        "CPU of the whole process, from its start to its end, user and system. Each requests 100 levels of one pair, in"
        " an environment with its own dependencies alone; this project and requests share that of `pip install .`.",
        _rows(printing, costs),
        "Printed and stored; the function also writes its log and its metric. The fake DynamoDB responds at once.",
        _rows({EMPTY: printing[EMPTY]} | storing, costs),
        "The artifact has bytecode if the function's runtime, python3.13, was there when it was built; if not, every"
        " module is compiled at every start, since Lambda's file system is read-only.",
    ]
    targets = [
        Target(f"cold, first record printed, CPU × {EMPTY}", _cpu_ratio(costs, US.label), 10.5),
        Target(f"cold, first record stored, Lambda's path with bytecode, × {EMPTY}", _cpu_ratio(costs, FUNCTION), 19.5),
    ]
    return Section("Cold: a fresh process to its first record", "\n\n".join(text), targets)


def _printing(bench: Bench, url: str) -> dict[str, Job]:
    runner = bench.environments.python(RUNNER)
    return {
        EMPTY: _job(runner, "-c", "pass"),
        FLOOR.label: _script(bench, FLOOR, url),
        US.label: _job(*_runner(runner, url)),
        **{peer.label: _script(bench, peer, url) for peer in bench.others},
    }


def _storing(bench: Bench, url: str, aws: Mapping[str, str]) -> dict[str, Job]:
    ours, function = bench.environments.python(OURS), CONTENDERS / "function.py"
    variables = {**aws, "OBI_BASE_URL": url, "OBI_SYMBOLS": "BTC", "OBI_LEVELS": LEVELS, "OBI_TABLE": TABLE}
    variables |= {"AWS_LAMBDA_FUNCTION_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "bench"}
    compiled = variables | {"PYTHONPATH": str(bench.environments.artifact(bytecode=True))}
    uncompiled = variables | {"PYTHONPATH": str(bench.environments.artifact(bytecode=False))}
    return {
        f"{US.label}, runner with `--table`": _job(*_runner(ours, url), "--table", TABLE, **aws),
        FUNCTION: _job(ours, function, **compiled),
        UNCOMPILED: _job(ours, function, **uncompiled, PYTHONDONTWRITEBYTECODE="1"),
    }


def _job(*command: str | Path, **variables: str) -> Job:
    return lambda: run_process(command, variables)[0]


def _runner(python: Path, url: str) -> Sequence[str | Path]:
    return [python, "-m", "handler", "--symbol", "BTC", "--count", "1", "--levels", LEVELS, "--base-url", url]


def _script(bench: Bench, peer: Peer, url: str) -> Job:
    environment = RUNNER if peer.environment == OURS else peer.environment
    return _job(bench.environments.python(environment), CONTENDERS / f"{peer.module}.py", "cold", url)


def _alternate(jobs: Mapping[str, Job], bench: Bench) -> Costs:
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for number in range(bench.rounds(ROUNDS) + 1):
        bench.log(f"cold: round {number}")
        for name, job in jobs.items():
            cost = job()
            if number:
                costs[name].append(cost)
    return costs


def _rows(jobs: Mapping[str, Job], costs: Costs) -> str:
    rows = {
        name: [
            ratio(costs[name], costs[EMPTY]),
            ratio(costs[name], costs[EMPTY], "wall"),
            f"{figure([cost.cpu * 1000 for cost in costs[name]]).median:.0f}",
        ]
        for name in jobs
    }
    return table([f"CPU and wall as ratios to {EMPTY}", "CPU", "wall", "CPU, ms"], rows)


def _cpu_ratio(costs: Costs, name: str) -> float:
    return ratio(costs[name], costs[EMPTY]).median
