"""Cold: a fresh process to its first record."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.bench.environments import OURS
from infra.bench.figures import figure, ratio, table
from infra.bench.part import FLOOR, OTHERS, US, Bench, Peer, Section, Target
from infra.bench.processes import CONTENDERS, Cost, fresh
from infra.bench.servers import exchange
from infra.bench.servers import table as table_stand_in

ROUNDS = 15
NOTHING = "`python -c pass`"
FUNCTION = "**this project's Lambda path**"
UNCOMPILED = "**this project's Lambda path**, built without bytecode"
LEVELS = "100"

Job = Callable[[], Cost]


def run(bench: Bench) -> Section:
    """Every contender in turn, some rounds long, after one for the bytecode caches."""
    with exchange() as url, table_stand_in() as aws:
        printed, stored = _printing(bench, url), _storing(bench, url, aws)
        costs = _alternate(printed | stored, bench)
    text = [
        "CPU of the whole process, from its start to its end, user and system. Each asks for 100 levels of one pair.",
        _rows(printed, costs),
        "Printed and stored; for this project's function with its log and its metric, too. The stand-in for DynamoDB"
        " answers at once.",
        _rows({NOTHING: printed[NOTHING]} | stored, costs),
        "The artifact carries bytecode if it was built where the function's runtime, python3.13, was at hand; if not,"
        " every module is compiled at every start, since Lambda's file system is read-only.",
    ]
    return Section("Cold: a fresh process to its first record", "\n\n".join(text), _targets(costs))


def _printing(bench: Bench, url: str) -> dict[str, Job]:
    python = bench.environments.python
    jobs: dict[str, Job] = {
        NOTHING: lambda: fresh([python(OURS), "-c", "pass"]),
        FLOOR.label: _script(bench, FLOOR, url),
        US.label: lambda: fresh([*_runner(python(OURS), url)]),
    }
    return jobs | {peer.label: _script(bench, peer, url) for peer in OTHERS}


def _storing(bench: Bench, url: str, aws: Mapping[str, str]) -> dict[str, Job]:
    ours, packages = bench.environments.python(OURS), str(bench.environments.packages(OURS))
    place = {**aws, "OBI_BASE_URL": url, "OBI_SYMBOLS": "BTC", "OBI_LEVELS": LEVELS, "OBI_TABLE": "obi"}
    place |= {"AWS_LAMBDA_FUNCTION_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "bench"}
    compiled = bench.environments.artifact_for_contenders(bytecode=True)
    plain = bench.environments.artifact_for_contenders(bytecode=False)
    jobs: dict[str, Job] = {
        f"{US.label}, runner with `--table`": lambda: fresh([*_runner(ours, url), "--table", "obi"], **aws),
        FUNCTION: _function(ours, compiled, place),
        UNCOMPILED: _function(ours, plain, place | {"PYTHONDONTWRITEBYTECODE": "1"}),
        "naive function: requests, boto3, Powertools": lambda: fresh([ours, CONTENDERS / "naive.py"], **place),
    }
    return jobs | {f"{peer.label} + boto3": _script(bench, peer, url, packages, **aws) for peer in OTHERS}


def _runner(python: Path, url: str) -> Sequence[str | Path]:
    return [python, "-m", "handler", "--symbol", "BTC", "--count", "1", "--levels", LEVELS, "--base-url", url]


def _function(python: Path, folder: Path, place: Mapping[str, str]) -> Job:
    return lambda: fresh([python, CONTENDERS / "function.py"], **(dict(place) | {"PYTHONPATH": str(folder)}))


def _script(bench: Bench, peer: Peer, url: str, *packages: str, **more: str) -> Job:
    python = bench.environments.python(peer.environment)
    return lambda: fresh([python, peer.path, "cold", url, *packages], **more)


def _alternate(jobs: Mapping[str, Job], bench: Bench) -> dict[str, list[Cost]]:
    for job in jobs.values():
        job()
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for number in range(bench.rounds(ROUNDS)):
        bench.tell(f"cold: round {number + 1}")
        for name, job in jobs.items():
            costs[name].append(job())
    return costs


def _rows(jobs: Mapping[str, Job], costs: Mapping[str, Sequence[Cost]]) -> str:
    base = costs[NOTHING]
    rows = {
        name: [
            ratio([cost.cpu for cost in costs[name]], [cost.cpu for cost in base]),
            ratio([cost.wall for cost in costs[name]], [cost.wall for cost in base]),
            f"{figure([cost.cpu * 1000 for cost in costs[name]]).median:.0f}",
        ]
        for name in jobs
    }
    return table([f"CPU and wall as ratios to {NOTHING}", "CPU", "wall", "CPU, ms"], rows)


def _targets(costs: Mapping[str, Sequence[Cost]]) -> list[Target]:
    def cpu(name: str) -> float:
        return ratio([cost.cpu for cost in costs[name]], [cost.cpu for cost in costs[NOTHING]]).median

    return [
        Target(f"cold, first record printed, CPU × {NOTHING}", cpu(US.label), 11.5),
        Target(f"cold, first record stored, whole Lambda path, CPU × {NOTHING}", cpu(FUNCTION), 22),
    ]
