"""Cold: a new process until its first record."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.bench.environments import OURS
from infra.bench.processes import CONTENDERS, Cost, run_process
from infra.bench.results import FLOOR, US, Bench, Figure, Peer, Section, Target, figure, ratio, table
from infra.bench.servers import TABLE, exchange, null_table

ROUNDS = 9
LEVELS = "100"
EMPTY = "`python -c pass`"
FUNCTION = "**this project's Lambda path**"
UNCOMPILED = "**this project's Lambda path**, built without bytecode"

Job = Callable[[], Cost]
Costs = Mapping[str, Sequence[Cost]]


def run(bench: Bench) -> Section:
    """Alternate between all contenders; the first round, not counted, fills the bytecode caches."""
    with exchange() as url, null_table() as aws:
        printing, storing = _printing(bench, url), _storing(bench, url, aws)
        costs = _alternate(printing | storing, bench)
    text = [
        "CPU of the whole process, from its start to its end, user and system. Each requests 100 levels of one pair.",
        _rows(printing, costs),
        "Printed and stored; this project's function also writes its log and its metric. The fake DynamoDB responds"
        " at once.",
        _rows({EMPTY: printing[EMPTY]} | storing, costs),
        "The artifact has bytecode if the function's runtime, python3.13, was there when it was built; if not, every"
        " module is compiled at every start, since Lambda's file system is read-only.",
    ]
    return Section("Cold: a fresh process to its first record", "\n\n".join(text), _targets(costs))


def _printing(bench: Bench, url: str) -> dict[str, Job]:
    ours = bench.environments.python(OURS)
    return {
        EMPTY: _job(ours, "-c", "pass"),
        FLOOR.label: _script(bench, FLOOR, url),
        US.label: _job(*_runner(ours, url)),
        **{peer.label: _script(bench, peer, url) for peer in bench.others},
    }


def _storing(bench: Bench, url: str, aws: Mapping[str, str]) -> dict[str, Job]:
    ours, packages = bench.environments.python(OURS), str(bench.environments.packages(OURS))
    variables = {**aws, "OBI_BASE_URL": url, "OBI_SYMBOLS": "BTC", "OBI_LEVELS": LEVELS, "OBI_TABLE": TABLE}
    variables |= {"AWS_LAMBDA_FUNCTION_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "bench"}
    compiled = variables | {"PYTHONPATH": str(bench.environments.artifact(bytecode=True))}
    uncompiled = variables | {"PYTHONPATH": str(bench.environments.artifact(bytecode=False))}
    function = CONTENDERS / "function.py"
    return {
        f"{US.label}, runner with `--table`": _job(*_runner(ours, url), "--table", TABLE, **aws),
        FUNCTION: _job(ours, function, **compiled),
        UNCOMPILED: _job(ours, function, **uncompiled, PYTHONDONTWRITEBYTECODE="1"),
        "naive function: requests, boto3, Powertools": _job(ours, CONTENDERS / "naive.py", **variables),
        **{f"{peer.label} + boto3": _script(bench, peer, url, packages, **aws) for peer in bench.others},
    }


def _job(*command: str | Path, **variables: str) -> Job:
    return lambda: run_process(command, variables)[0]


def _runner(python: Path, url: str) -> Sequence[str | Path]:
    return [python, "-m", "handler", "--symbol", "BTC", "--count", "1", "--levels", LEVELS, "--base-url", url]


def _script(bench: Bench, peer: Peer, url: str, *packages: str, **variables: str) -> Job:
    python = bench.environments.python(peer.environment)
    return _job(python, CONTENDERS / f"{peer.module}.py", "cold", url, *packages, **variables)


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
    base = costs[EMPTY]
    rows = {
        name: [
            _cpu_ratio(costs, name),
            ratio([cost.wall for cost in costs[name]], [cost.wall for cost in base]),
            f"{figure([cost.cpu * 1000 for cost in costs[name]]).median:.0f}",
        ]
        for name in jobs
    }
    return table([f"CPU and wall as ratios to {EMPTY}", "CPU", "wall", "CPU, ms"], rows)


def _cpu_ratio(costs: Costs, name: str) -> Figure:
    return ratio([cost.cpu for cost in costs[name]], [cost.cpu for cost in costs[EMPTY]])


def _targets(costs: Costs) -> list[Target]:
    return [
        Target(f"cold, first record printed, CPU × {EMPTY}", _cpu_ratio(costs, US.label).median, 10.5, quoted=True),
        Target(
            f"cold, first record stored, Lambda's path with bytecode, CPU × {EMPTY}",
            _cpu_ratio(costs, FUNCTION).median,
            19.5,
            quoted=True,
        ),
    ]
