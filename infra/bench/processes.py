"""Processes that are measured: new ones from start to end, and contenders that get commands."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from infra.testkit.aws import AWS
from infra.testkit.processes import clean_environment, free_port, run_server

ROOT = Path(__file__).resolve().parents[2]
OTHERS_PYTHON = ROOT / ".venv-bench/bin/python"
NAMES = ("a raw socket", "ours", "requests", "python-binance", "ccxt")
CPUS_PER_MB = 1 / 1769
"""Lambda gives a whole CPU at 1769 MB, and in proportion below."""
_PERIOD_SECONDS = 0.02
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(status, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, file=sys.stderr)
"""
"""Starts a process and measures it: a child of this process would start with this one's peak memory."""


class Cost(NamedTuple):
    """CPU and wall seconds, and the peak memory in MB."""

    cpu: float
    wall: float
    peak_mb: float = 0.0


class Answer(NamedTuple):
    """What a command took: `obi` is the mean of its lines, `skew` the seconds between the first and the last book."""

    cpu: float
    wall: float
    lines: int
    skew: float
    obi: float


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


def measure(*command: str | Path, **variables: str) -> Cost:
    """Run a Python process to its end; its output is thrown away."""
    launched = [sys.executable, "-S", "-c", _LAUNCHER, sys.executable, *map(str, command)]
    environment = clean_environment(PYTHONPATH=str(ROOT), **AWS, **variables)
    done = subprocess.run(
        launched, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
    )
    *errors, measured = done.stderr.decode(errors="replace").splitlines()
    status, wall, cpu, peak_mb = measured.split()
    if os.waitstatus_to_exitcode(int(status)):
        raise RuntimeError(f"{command}: {errors[-5:]}")
    return Cost(float(cpu), float(wall), float(peak_mb))


class Worker:
    """A contender that gets commands."""

    def __init__(self, name: str, url: str, environment: Mapping[str, str]) -> None:
        python = sys.executable if name in ("ours", "a raw socket") else OTHERS_PYTHON
        self.process = subprocess.Popen(
            [python, str(ROOT / "infra/bench/contender.py"), name, url],
            env=clean_environment(PYTHONPATH=str(ROOT), **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._name = name

    def run(self, **command: Any) -> Answer:
        """Send a command and wait for its answer."""
        print(json.dumps(command), file=cast(IO[str], self.process.stdin), flush=True)
        if text := cast(IO[str], self.process.stdout).readline():
            return Answer(**json.loads(text))
        raise RuntimeError(f"{self._name} ended at {command}")


@contextmanager
def workers(url: str, *names: str, **environment: str) -> Iterator[dict[str, Worker]]:
    """Start contenders that sample from this exchange."""
    with ExitStack() as stack:
        started = {name: Worker(name, url, {**AWS, **environment}) for name in names or NAMES}
        for worker in started.values():
            stack.enter_context(worker.process)
            stack.callback(worker.process.kill)
        yield started


@contextmanager
def exchange(folder: Path, *flags: str) -> Iterator[str]:
    """The fake exchange, whose books do not change, in a process of its own; yields its URL."""
    command = ("infra.fake_exchange", "--tick-ms", "0", "--weight-limit", "0", *flags)
    with _server(folder, command) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def null_table(folder: Path) -> Iterator[dict[str, str]]:
    """A table that accepts everything; yields the variables that lead to it."""
    port = free_port()
    with run_server([sys.executable, "-m", "infra.bench.null_table", str(port)], port, folder / "table.log", cwd=ROOT):
        yield {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}"}


@contextmanager
def cpu_share(pid: int, share: float) -> Iterator[None]:
    """Stop a process most of the time, also while it waits for the network: this is slower than Lambda's quota."""
    ended = threading.Event()

    def alternate() -> None:
        while not ended.wait(_PERIOD_SECONDS * share):
            os.kill(pid, signal.SIGSTOP)
            ended.wait(_PERIOD_SECONDS * (1 - share))
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=alternate)
    thread.start()
    yield
    ended.set()
    thread.join()


@contextmanager
def _server(folder: Path, command: Sequence[str]) -> Iterator[int]:
    port = free_port()
    with run_server([sys.executable, "-m", *command, "--port", str(port)], port, folder / f"{port}.log", cwd=ROOT):
        yield port
