"""What a scenario starts: a fake exchange, a table behind a fault proxy, and the program in processes of its own."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from infra.fake_exchange import FakeExchange
from infra.testkit.aws import AWS, aws_client, create_table, scan
from infra.testkit.processes import clean_environment
from infra.testkit.table_proxy import TableProxy

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ("BTCUSDT", "ETHUSDT", "这是测试币456USDT", "XRPUSDT", "usdm:BTCUSDT", "usdm:ADAUSDT")
LEVELS, LIMIT = 5, 100
PASSWORD, SECRET_KEY = "chaos-password", "chaos/secret/chaos/secret/chaos/secret00"
"""What the program is given and must never print or store."""
START_SECONDS, END_SECONDS = 30.0, 40.0


class Program:
    """A process whose output goes to files, which remain."""

    def __init__(
        self,
        path: Path,
        command: Sequence[str],
        environment: dict[str, str],
        *,
        stdout: int | None,
        stdin: int,
    ) -> None:
        self.stdout, self.stderr = path.with_suffix(".out"), path.with_suffix(".err")
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=clean_environment(PYTHONPATH=str(ROOT), **environment),
                stdin=stdin,
                stdout=out if stdout is None else stdout,
                stderr=err,
            )

    def wait_for_output(self) -> None:
        """Wait until it has printed something."""
        give_up = time.monotonic() + START_SECONDS
        while not self.stdout.stat().st_size and time.monotonic() < give_up and self.process.poll() is None:
            time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end and return its exit code; -9 if it did not end."""
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Stage:
    """All that a scenario uses, from `with` to its end. The same seed gives the same faults."""

    def __init__(self, name: str, folder: Path, dynamodb_url: str, seed: int, seconds: float) -> None:
        self.name, self.folder, self.seconds = name, folder / name, seconds
        self.random = random.Random(f"{seed}/{name}")
        self.kills = 0
        self.problems: list[str] = []
        self.programs: list[Program] = []
        self.proxy = TableProxy(dynamodb_url, seed=seed)
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
        options = {"weight_limit": 0, "keep_requests": 10**6, "fault_seed": self.random.randrange(2**32), **options}
        self.exchange = self._stack.enter_context(FakeExchange(options.pop("symbols", symbols), **options))

    @property
    def base_url(self) -> str:
        """The exchange's URL, with a password that must not be printed."""
        return self.exchange.url.replace("//", f"//user:{PASSWORD}@")

    @property
    def records_folder(self) -> Path:
        """The folder that the runner stores into."""
        return self.folder / "records"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the programs: AWS is the proxy."""
        return {**AWS, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_ENDPOINT_URL_DYNAMODB": self.proxy.url}

    def start_runner(
        self,
        *flags: str,
        pairs: Sequence[str] = PAIRS,
        stdout: int | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Program:
        """Start the runner with both stores, once a second."""
        command = ["handler", "--symbol", *pairs, "--levels", str(LEVELS), "--limit", str(LIMIT), "--detail"]
        command += ["--interval_seconds", "1", "--base-url", self.base_url, "--to", str(self.records_folder), *flags]
        return self.start(command, variables, stdout=stdout)

    def start(
        self,
        command: Sequence[str],
        variables: Mapping[str, str] = MappingProxyType({}),
        *,
        stdout: int | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> Program:
        """Start a module in a process of its own."""
        path = self.folder / f"program-{len(self.programs)}"
        program = Program(path, command, {**self.environment, **variables}, stdout=stdout, stdin=stdin)
        self.programs.append(program)
        return program

    def load(self, paths: Sequence[Path]) -> None:
        """Run `load`, without faults, for all files that have any record."""
        files = [str(path) for path in paths if b'"notional_bid"' in path.read_bytes()]
        if not files:
            return
        command = ["handler", "load", *files, "--table", self.name, "--interval_seconds", "1"]
        program = self.start(command, {"AWS_ENDPOINT_URL_DYNAMODB": self._dynamodb_url})
        if code := program.process.wait(END_SECONDS):
            self.problems.append(f"load ended with {code}: {program.stderr.read_text()[-300:]}")

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        with aws_client("dynamodb", self._dynamodb_url) as client:
            return scan(client, self.name)


_RECORD = re.compile(r'\{[^{}]*"notional_bid"[^{}]*\}')


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
