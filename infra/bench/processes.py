"""Contenders as processes: new ones, measured from start to end, and long-running ones that get commands."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from infra.bench.environments import HERE, ROOT

MAX_ROUNDING_DIFFERENCE = 2e-6
"""Others round floats, this project the exact decimal: the sixth decimal place may differ."""

CONTENDERS = HERE / "contenders"

_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(status, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
"""
"""Starts a process and measures it: a child of this process would start with this one's peak memory."""

_UNSET_PREFIXES = ("OBI_", "AWS_", "POWERTOOLS_", "PYTHON", "SSL_CERT_")
_UNSET = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds, and the peak memory in MB."""

    cpu: float
    wall: float
    peak_mb: float


class ContenderFailedError(Exception):
    """A contender failed; the end of its output."""


def environment(**more: str) -> dict[str, str]:
    """The environment of this process without what would configure a contender differently on another machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_UNSET_PREFIXES) and name.upper() not in _UNSET
    }
    return kept | {"PYTHONPATH": str(ROOT), **more}


def run_process(command: Sequence[str | Path], variables: Mapping[str, str]) -> tuple[Cost, bytes]:
    """Run a process to its end: its cost and its output."""
    launched = [sys.executable, "-S", "-c", _LAUNCHER, *map(str, command)]
    done = subprocess.run(launched, cwd=ROOT, env=environment(**variables), capture_output=True, check=True)
    *errors, measured = done.stderr.decode(errors="replace").splitlines()
    status, wall, cpu, peak_kb = measured.split()
    if os.waitstatus_to_exitcode(int(status)):
        raise ContenderFailedError(f"{command!r}: {errors[-20:]}")
    return Cost(float(cpu), float(wall), int(peak_kb) / 1024), done.stdout


class Worker:
    """A contender that runs until the end of `with` and gets commands."""

    def __init__(self, python: Path, module: str, url: str, **variables: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [str(python), str(CONTENDERS / f"{module}.py"), "serve", url],
            cwd=ROOT,
            env=environment(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if module.endswith("_async") else None,  # they warn that they were not closed
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def run_command(self, **command: Any) -> "Result":
        """Send a command and wait for its result."""
        print(json.dumps(command), file=cast(IO[str], self._process.stdin), flush=True)
        text = cast(IO[str], self._process.stdout).readline()
        if not text:
            raise ContenderFailedError(f"{self._module} ended at {command}")
        result: Mapping[str, float] = json.loads(text)
        cost = Cost(result["cpu"], result["wall"], result["peak_mb"])
        return Result(cost, result["obi"] / result["lines"], result["skew"])


@dataclass(frozen=True)
class Result:
    """The cost of a command; `obi` is the mean imbalance of its lines, which is the same for all contenders."""

    cost: Cost
    obi: float
    skew: float
    """Seconds from the first to the last `received_at` of records with detail."""


def check_equal(results: Mapping[str, Result]) -> None:
    """Raise ContenderFailedError unless all measured the same books: those of the exchange do not change."""
    imbalances = {name: result.obi for name, result in results.items()}
    if max(imbalances.values()) - min(imbalances.values()) > MAX_ROUNDING_DIFFERENCE:
        raise ContenderFailedError(f"not the same imbalance: {imbalances}")
