"""Contenders as processes: fresh ones, timed from outside, and ones that stay and are sent commands."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from infra.bench.servers import ROOT, environment

ROUNDING = 2e-6
"""Others round floats, this project the exact decimal: the sixth place may differ."""

CONTENDERS = Path(__file__).parent / "contenders"


@dataclass(frozen=True)
class Cost:
    """What something took: CPU and wall seconds; the peak of memory in MB, where the process told it."""

    cpu: float
    wall: float
    peak_mb: float = 0.0


class ContenderFailedError(Exception):
    """A contender did not do what it was asked; the end of what it said about that."""


def fresh(command: Sequence[str | Path], **more: str) -> Cost:
    """Run a process to its end, and measure it from outside. Its output goes nowhere unless it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment(**more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        said = cast(IO[bytes], process.stderr).read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ContenderFailedError(f"{process.args!r}: {said[-2000:]}")
    return _cost(usage, time.perf_counter() - start)


def _cost(usage: resource.struct_rusage, wall: float) -> Cost:
    return Cost(usage.ru_utime + usage.ru_stime, wall)


class Worker:
    """A contender that stays until the end of `with`, and is sent commands."""

    def __init__(self, python: Path, name: str, url: str, *packages: str, **more: str) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [str(python), str(CONTENDERS / f"{name}.py"), "serve", url, *packages],
            cwd=ROOT,
            env=environment(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if name.endswith("_async") else None,  # they tell that they were not closed
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def obey(self, **command: Any) -> "Answer":
        """Send a command, wait for what it took."""
        print(json.dumps(command), file=cast(IO[str], self._process.stdin), flush=True)
        text = cast(IO[str], self._process.stdout).readline()
        if not text:
            raise ContenderFailedError(f"{self._name} ended at {command}")
        answer: Mapping[str, float] = json.loads(text)
        return Answer(Cost(answer["cpu"], answer["wall"], answer["peak_mb"]), answer["obi"] / answer["lines"])


@dataclass(frozen=True)
class Answer:
    """What a command took, and the mean imbalance of its lines, which is the same for everyone."""

    cost: Cost
    obi: float


def check_equal(answers: Mapping[str, Answer]) -> None:
    """Raise ContenderFailedError unless all measured the same books: the exchange's stand still."""
    if max(answer.obi for answer in answers.values()) - min(answer.obi for answer in answers.values()) > ROUNDING:
        raise ContenderFailedError(
            f"not the same imbalance: { ({name: answer.obi for name, answer in answers.items()}) }"
        )
