"""`python -m infra.chaos`: all scenarios at once, reconciled, and the reliability table."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from infra.chaos import exchange_scenarios, shortage_scenarios, stream_scenarios
from infra.chaos.function_scenario import function, futures_function
from infra.chaos.harness import ChaosRun
from infra.chaos.oversized import oversized_inputs
from infra.chaos.processes import ROOT, SECRETS, Program
from infra.chaos.reconciliation import Totals
from infra.chaos.report import Results, reliability_table
from infra.chaos.simulated_day import simulated_day
from infra.chaos.soak import has_grown
from infra.testkit.processes import free_port, run_server

Scenario = Callable[[ChaosRun], Totals]

GROUPS: Sequence[Sequence[Scenario]] = (
    *([exchange_scenarios.storm], [exchange_scenarios.table], [exchange_scenarios.limits], [exchange_scenarios.ban]),
    *([exchange_scenarios.clock], [exchange_scenarios.region, stream_scenarios.full_disk]),
    [function, futures_function],
    [stream_scenarios.slow_reader, stream_scenarios.nonblocking_stdout],
    [exchange_scenarios.wire, stream_scenarios.hangup],
    [shortage_scenarios.no_threads, shortage_scenarios.no_descriptors],
    [shortage_scenarios.late_credentials, shortage_scenarios.rotated_credentials],
)
"""All groups run at once; the scenarios of a group run one after the other and share its time."""
SCENARIO_SHARE = 0.65
"""The share of the requested minutes that scenarios take; starting, loading and counting take the rest."""
MAX_PROBLEMS_SHOWN = 50


def main() -> int:
    """Run all scenarios and print the reliability table; returns 1 if there is any problem."""
    options = _parser().parse_args()
    folder = Path(mkdtemp(prefix="chaos-"))
    _log(f"seed {options.seed}, {options.minutes:g} minutes")
    start = time.monotonic()
    with _moto(folder) as url:
        run = ChaosRun(folder, url, options.seed, options.minutes * 60 * SCENARIO_SHARE)
        results = _run(run)
    report, problems = simulated_day(run)  # afterwards: it uses the CPU for a minute
    results.totals.problems += problems
    _log(report)
    problems = results.totals.problems + _printed_secrets(folder)
    print(reliability_table(results))
    for problem in problems[:MAX_PROBLEMS_SHOWN]:
        _log(f"problem: {problem}")
    _log(f"{len(problems)} problems, after {time.monotonic() - start:.0f} s")
    if problems:
        _log(f"the output of all processes is kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


@contextmanager
def _moto(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with run_server(command, port, folder / "moto.log", PYTHONPATH=str(ROOT)):
        yield f"http://127.0.0.1:{port}"


def _run(run: ChaosRun) -> Results:
    results = Results()
    with ThreadPoolExecutor(len(GROUPS) + 2) as pool:
        groups = [pool.submit(_run_group, run, group) for group in GROUPS]
        soak, oversized = pool.submit(_soak, run), pool.submit(oversized_inputs, run)
        for group in groups:
            results.totals.add(group.result())
    try:
        results.oversized_inputs, problems = oversized.result()
        results.totals.problems += problems
        results.soak = soak.result()
    except Exception as error:
        results.totals.problems.append(f"a test of resources failed: {error!r}")
    if results.soak and has_grown(results.soak):
        results.totals.problems.append(f"the soak test grew: {results.soak}")
    return results


def _run_group(run: ChaosRun, scenarios: Sequence[Scenario]) -> Totals:
    totals = Totals()
    for scenario in scenarios:
        try:
            found = scenario(replace(run, seconds=run.seconds / len(scenarios)))
        except Exception as error:
            found = Totals(problems=[f"{scenario.__name__}: {error!r}"])
        _log(f"{scenario.__name__}: {found.slots} slots, {found.stored} stored, {len(found.problems)} problems")
        totals.add(found)
    return totals


def _soak(run: ChaosRun) -> dict[str, float]:
    program = Program(run.folder / "soak", "infra.chaos.soak", "--seed", str(run.seed))
    program.wait(max(run.seconds * 10, 300))
    found: dict[str, float] = json.loads(program.stdout.read_text())
    return found


def _printed_secrets(folder: Path) -> list[str]:
    """Files in which the program printed a credential."""
    printed = [path for path in folder.iterdir() if path.suffix in (".out", ".err")]
    secrets = [secret.encode() for secret in SECRETS]
    return [f"{path} holds a secret" for path in printed if any(secret in path.read_bytes() for secret in secrets)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.chaos", description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="approximate duration (default %(default)g)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same faults")
    return parser


def _log(text: str) -> None:
    print(f"chaos: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
