"""`python -m infra.chaos`: one long bad day, its books, and the figures."""

import argparse
import json
import shutil
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from infra.chaos import processes
from infra.chaos.books import Books
from infra.chaos.function_act import function
from infra.chaos.huge import huge
from infra.chaos.report import Day, table
from infra.chaos.runner_acts import ACTS
from infra.chaos.sizes import flat
from infra.chaos.stage import Stage

SHARE = 0.65
"""Of the minutes asked for, what the acts take; the rest is for starting, loading and counting."""
FUZZ_SHARE = 0.25
SHOWN_PROBLEMS = 50


def main() -> int:
    """Run everything at once, and print the figures; returns 1 if the books do not close."""
    options = _flags().parse_args()
    folder = Path(mkdtemp(prefix="chaos-"))
    _tell(f"seed {options.seed}, {options.minutes:g} minutes")
    start = time.monotonic()
    with processes.dynamodb(folder) as port:
        day = _run(Stage(folder, port, options.seed, options.minutes * 60 * SHARE))
    problems = day.books.problems + _secrets(folder)
    print(table(day))
    for problem in problems[:SHOWN_PROBLEMS]:
        _tell(f"the books do not close: {problem}")
    _tell(f"{len(problems)} problems, after {time.monotonic() - start:.0f} s")
    if problems:
        _tell(f"what was written is kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _run(stage: Stage) -> Day:
    day = Day()
    with ThreadPoolExecutor(len(ACTS) + 4) as pool:
        acts = {act.__name__: pool.submit(act, stage) for act in (*ACTS, function)}
        fuzzed, soaked = pool.submit(_fuzz, stage), pool.submit(_soak, stage)
        tried = pool.submit(huge, stage)
        for name, act in acts.items():
            day.books.add(_books(name, act))
        found, day.soak = fuzzed.result(), soaked.result()
        day.huge, problems = tried.result()
    day.fuzzed, day.slowest_seconds = found["tried"], found["slowest"]
    day.books.problems += [*problems, *found["problems"]]
    if not flat(day.soak):
        day.books.problems.append(f"it grows: {day.soak}")
    return day


def _books(name: str, act: "Future[Books]") -> Books:
    try:
        books = act.result()
    except Exception as error:
        return Books(problems=[f"{name}: {error!r}"])
    _tell(f"{name}: {books.asked} slots asked, {books.stored} stored, {len(books.problems)} problems")
    return books


def _fuzz(stage: Stage) -> dict[str, Any]:
    return _json(stage, "fuzz", "infra.chaos.fuzz", str(stage.seconds * FUZZ_SHARE), str(stage.seed))


def _soak(stage: Stage) -> dict[str, Any]:
    return _json(stage, "soak", "infra.chaos.soak", "--seed", str(stage.seed))


def _json(stage: Stage, name: str, *command: str) -> dict[str, Any]:
    program = processes.Program(stage.folder / name, *command)
    program.wait(max(stage.seconds * 10, 300))
    found: dict[str, Any] = json.loads(program.stdout.read_text() or "{}")
    return found


def _secrets(folder: Path) -> list[str]:
    """Where the program, or the table, holds a credential that it was given."""
    written = [path for path in folder.iterdir() if path.suffix in (".out", ".err") and path.stem != "moto"]
    return [
        f"{path} holds a secret"
        for path in written
        if any(secret.encode() in path.read_bytes() for secret in processes.SECRETS)
    ]


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.chaos", description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long it takes, more or less (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same script of faults")
    return parser


def _tell(text: str) -> None:
    print(f"chaos: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
