"""Processes that are measured: new ones from start to end, and contenders that get commands."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from infra.bench.picture import Curves
from infra.testkit.aws import AWS
from infra.testkit.processes import clean_environment

ROOT = Path(__file__).resolve().parents[2]
OTHERS_PYTHON = ROOT / ".venv-bench/bin/python"
OTHERS = ("requests", "python-binance", "ccxt")
_PERIOD_SECONDS = 0.02
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
cpu = usage.ru_utime + usage.ru_stime
print(os.waitstatus_to_exitcode(status), cpu, time.perf_counter() - start, usage.ru_maxrss / 1024, file=sys.stderr)
"""
"""Starts a process and measures it: a child of this process would start with this one's peak memory."""


class Row(NamedTuple):
    """One figure, the most (or with `is_minimum` the least) that it should be, and its unit."""

    what: str
    value: float
    target: float | None = None
    unit: str = "×"
    is_minimum: bool = False


class Bench(NamedTuple):
    """How thorough it is, a folder for files, and the curves of the picture so far."""

    quick: bool
    folder: Path
    curves: Curves

    def rounds(self, number: int) -> int:
        """As many rounds, or one."""
        return 1 if self.quick else number

    def point(self, panel: str, label: str, x: float, y: float) -> None:
        """Add a point to the picture."""
        self.curves.setdefault(panel, {}).setdefault(label, {})[x] = y


class Cost(NamedTuple):
    """CPU and wall seconds, the peak memory in MB, and for samples the seconds between the first and the last book."""

    cpu: float
    wall: float
    peak_mb: float = 0.0
    skew: float = 0.0
    obi: float = 0.0


def measure(*command: str | Path, **variables: str) -> Cost:
    """Run a Python process to its end; its output is thrown away. Exit code 3 says that there are gaps."""
    launched = [sys.executable, "-S", "-c", _LAUNCHER, sys.executable, *map(str, command)]
    environment = clean_environment(PYTHONPATH=str(ROOT), **AWS, **variables)
    done = subprocess.run(launched, cwd=ROOT, env=environment, capture_output=True, check=True)
    *errors, measured = done.stderr.decode(errors="replace").splitlines()
    code, *cost = map(float, measured.split())
    if code not in (0, 3):
        raise RuntimeError(f"{command} ended with {code:.0f}: {errors[-5:]}")
    return Cost(*cost)


def alternate(jobs: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, list[Cost]]:
    """Run all jobs, round by round; the first round, which fills caches, is not kept."""
    costs = [{name: job() for name, job in jobs.items()} for _ in range(rounds + 1)][1:]
    return {name: [each[name] for each in costs] for name in jobs}


def ratio(above: Sequence[Cost], below: Sequence[Cost], what: str = "cpu") -> float:
    """The median of the ratios, round by round."""
    ratios = [float(getattr(one, what) / getattr(other, what)) for one, other in zip(above, below, strict=True)]
    return statistics.median(ratios)


class Worker(subprocess.Popen[str]):
    """A contender that gets commands; it ends with `with`, which closes its standard input."""

    def __init__(self, name: str, url: str, environment: Mapping[str, str]) -> None:
        super().__init__(
            [OTHERS_PYTHON if name in OTHERS else sys.executable, ROOT / "infra/bench/contender.py", name, url],
            env=clean_environment(PYTHONPATH=str(ROOT), **AWS, **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **command: Any) -> Cost:
        """Send a command and wait for its answer."""
        print(json.dumps(command), file=cast(IO[str], self.stdin), flush=True)
        return Cost(**json.loads(cast(IO[str], self.stdout).readline()))


@contextmanager
def workers(url: str, *names: str, **environment: str) -> Iterator[dict[str, Worker]]:
    """Start contenders that sample from this exchange."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Worker(name, url, environment)) for name in names}


@contextmanager
def cpu_share(pid: int, share: float) -> Iterator[None]:
    """Stop a process most of the time, also while it waits for the network: this is slower than Lambda's quota."""
    ended = threading.Event()

    def take_turns() -> None:
        while not ended.wait(_PERIOD_SECONDS * share):
            os.kill(pid, signal.SIGSTOP)
            ended.wait(_PERIOD_SECONDS * (1 - share))
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=take_turns)
    thread.start()
    yield
    ended.set()
    thread.join()
