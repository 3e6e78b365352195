"""`python -m infra.chaos`: six scenarios at once, each accounted for, and the reliability table."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp

from infra.chaos.reconcile import Result
from infra.chaos.scenarios import SCENARIOS
from infra.chaos.soak import soak
from infra.chaos.stage import ROOT, Stage
from infra.testkit.processes import free_port, run_server

ALL: dict[str, Callable[[Stage], Result]] = {scenario.__name__: scenario for scenario in (*SCENARIOS, soak)}
MAX_PROBLEMS_SHOWN = 50


def main() -> int:
    """Run the scenarios and print a table of what came of every slot; returns 1 if there is any problem."""
    parser = argparse.ArgumentParser(prog="python -m infra.chaos", description=main.__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=1.0, help="duration of each scenario, all at once (default %(default)g)")
    add("--only", nargs="+", choices=ALL, default=list(ALL), help="these scenarios")
    add("--seed", type=int, default=0, help="the same seed gives the same faults")
    options = parser.parse_args()
    signal.signal(signal.SIGHUP, lambda *_: None)  # children would inherit that nohup ignores it
    folder, start, port = Path(mkdtemp(prefix="chaos-")), time.monotonic(), free_port()
    moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with run_server(moto, port, folder / "moto.log", PYTHONPATH=str(ROOT)), ThreadPoolExecutor(len(ALL)) as pool:
        url = f"http://127.0.0.1:{port}"
        stages = [Stage(name, folder, url, options.seed, options.minutes * 60) for name in options.only]
        results = dict(zip(options.only, pool.map(_run, stages), strict=True))
    print(_table(results))
    problems = [problem for result in results.values() for problem in result.problems]
    for text in (*problems[:MAX_PROBLEMS_SHOWN], f"{len(problems)} problems, after {time.monotonic() - start:.0f} s"):
        print(f"chaos: {text}", file=sys.stderr)
    if problems:
        print(f"chaos: the output of all processes is kept in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _run(stage: Stage) -> Result:
    try:
        with stage:
            return ALL[stage.name](stage)
    except Exception as error:
        return Result(problems=[f"{stage.name}: {error!r}", *stage.problems])


def _table(results: dict[str, Result]) -> str:
    rows = ["| scenario | measured | of them by `load` | no data, by reason | faults | kills | cooldowns | problems |"]
    rows.append("|---|---:|---:|---|---:|---:|---:|---:|")
    for name, result in results.items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in result.reasons.most_common())
        faults = f"{result.faults.total()} of {len(result.faults)} kinds" if result.faults else ""
        figures = (result.measured, result.loaded, reasons, faults, result.kills, result.cooldowns)
        rows.append("| " + " | ".join(map(str, (name, *figures, len(result.problems)))) + " |")
    notes = [f"\n{name}: {result.note}" for name, result in results.items() if result.note]
    return "\n".join([*rows, *notes])


if __name__ == "__main__":
    sys.exit(main())
