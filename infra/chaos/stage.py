"""Starts the parts of a scenario: a fake exchange, a table behind a fault proxy, and the program as processes."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from infra.fake_exchange import FakeExchange
from infra.testkit.aws import AWS, aws_client, create_table, scan
from infra.testkit.processes import clean_environment
from infra.testkit.table_proxy import TableProxy

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ("BTCUSDT", "ETHUSDT", "这是测试币456USDT", "XRPUSDT", "usdm:BTCUSDT", "usdm:ADAUSDT")
LEVELS, LIMIT = 5, 100
PASSWORD, SECRET_KEY = "chaos-password", "chaos/secret/chaos/secret/chaos/secret00"
"""Secrets that the program gets and must never print or store."""
START_SECONDS = 30.0
LOAD_SECONDS = 900.0  # moto takes some milliseconds for each record
_RECORD = re.compile(r'\{[^{}]*"notional_bid"[^{}]*\}')


class Program(NamedTuple):
    """A module in a process of its own, whose output goes to files, which remain."""

    process: "subprocess.Popen[bytes]"
    stdout: Path
    stderr: Path

    def wait_for_output(self) -> None:
        """Wait until it has printed something."""
        give_up = time.monotonic() + START_SECONDS
        while not self.stdout.stat().st_size and time.monotonic() < give_up and self.process.poll() is None:
            time.sleep(0.02)

    def end(self, how: signal.Signals | None = signal.SIGTERM, patience_seconds: float = 40.0) -> int:
        """Send it a signal, wait for its end and return its exit code; -9 if it did not end."""
        with suppress(ProcessLookupError):
            if how:
                self.process.send_signal(how)
        try:
            return self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Stage:
    """All that a scenario uses, within `with`. The same seed gives the same faults."""

    def __init__(self, name: str, folder: Path, dynamodb_url: str, seed: int, seconds: float) -> None:
        self.name, self.folder, self.seconds = name, folder / name, seconds
        self.random = random.Random(f"{seed}/{name}")
        self.kills = 0
        self.problems: list[str] = []
        self.programs: list[Program] = []
        self.proxy = TableProxy(dynamodb_url, seed=seed)
        self.records_folder = self.folder / "records"
        self._dynamodb_url, self._stack = dynamodb_url, ExitStack()

    def __enter__(self) -> "Stage":
        self.folder.mkdir()
        with aws_client("dynamodb", self._dynamodb_url) as client:
            create_table(client, self.name)
        self._stack.enter_context(self.proxy)
        return self

    def __exit__(self, *_: object) -> None:
        for program in self.programs:
            program.end(signal.SIGKILL)
        self._stack.close()

    def start_exchange(self, **options: Any) -> None:
        """Start the exchange with these options; it lists all pairs and keeps its requests."""
        symbols = dict.fromkeys(pair.rpartition(":")[2] for pair in PAIRS)
        seed = self.random.randrange(2**32)
        options = {"symbols": symbols, "weight_limit": 0, "keep_requests": 10**6, "fault_seed": seed, **options}
        self.exchange = self._stack.enter_context(FakeExchange(**options))
        self.base_url = self.exchange.url.replace("//", f"//user:{PASSWORD}@")

    def start_runner(self, *flags: str, pairs: Sequence[str] = PAIRS, **options: Any) -> Program:
        """Start the runner, once a second, with the folder as its store."""
        command = ["handler", "--symbol", *pairs, "--levels", str(LEVELS), "--limit", str(LIMIT), "--detail"]
        command += ["--interval_seconds", "1", "--base-url", self.base_url, "--to", str(self.records_folder), *flags]
        return self.start(command, **options)

    def start(
        self, command: Sequence[str], stdout: int | None = None, stdin: int = subprocess.DEVNULL, **variables: str
    ) -> Program:
        """Start a module in a process of its own; AWS is the proxy."""
        aws = AWS | {"AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_ENDPOINT_URL_DYNAMODB": self.proxy.url}
        printed, logged = (self.folder / f"program-{len(self.programs)}.{name}" for name in ("out", "err"))
        with printed.open("wb") as out, logged.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=clean_environment(PYTHONPATH=str(ROOT), **(aws | variables)),
                stdin=stdin,
                stdout=out if stdout is None else stdout,
                stderr=err,
            )
        self.programs.append(Program(process, printed, logged))
        return self.programs[-1]

    def load(self, paths: Sequence[Path]) -> None:
        """Run `load`, without faults, for all files that have any record."""
        files = [str(path) for path in paths if b'"notional_bid"' in path.read_bytes()]
        command = ["handler", "load", *files, "--table", self.name, "--interval_seconds", "1"]
        program = self.start(command, AWS_ENDPOINT_URL_DYNAMODB=self._dynamodb_url)
        if code := program.end(None, LOAD_SECONDS):
            self.problems.append(f"load ended with {code}: {program.stderr.read_text()[-300:]}")

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        with aws_client("dynamodb", self._dynamodb_url) as client:
            return scan(client, self.name)


def lines_in(paths: Sequence[Path]) -> list[str]:
    """All records in these files, whatever stands around them; the torn line of a kill has no end and is none."""
    return [line for path in paths for line in _RECORD.findall(path.read_text(encoding="utf-8", errors="replace"))]


def drain(pipe: IO[bytes], path: Path, pauses: Sequence[float]) -> None:
    """Copy a pipe into a file, slowly: after each read comes the next of these pauses, in seconds."""
    waits = iter(pauses)
    with path.open("ab") as file:
        while data := os.read(pipe.fileno(), 4096):
            file.write(data)
            time.sleep(next(waits, 0))
