"""Processes of the bad day: started on 127.0.0.1, awaited within bounds, ended by their own process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIACHAOSKEYIDCHAOS0",
    "AWS_SECRET_ACCESS_KEY": "chaos/secret/chaos/secret/chaos/secret00",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""An AWS account that exists on this machine only; its names are looked for in all that was written."""
PASSWORD = "chaos-password"  # noqa: S105 - of nothing
SECRETS = (AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"], PASSWORD)
"""What the program is given, and may not tell."""
END_SECONDS = 30.0


def environment(**more: str) -> dict[str, str]:
    """An environment with nothing in it of what the developer has set."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, **AWS, "PYTHONPATH": str(ROOT), **more}


class Program:
    """A Python module in a process of its own; what it writes goes to files, which outlive it."""

    def __init__(
        self,
        name: Path,
        *command: str,
        stdout: int | IO[bytes] | None = None,
        stdin: int = subprocess.DEVNULL,
        variables: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
    ) -> None:
        self.stdout, self.stderr = name.with_suffix(".out"), name.with_suffix(".err")
        self.started = time.time()
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment(**variables or {}),
                preexec_fn=before,
                stdin=stdin,
                stdout=out if stdout is None else stdout,
                stderr=err,
            )

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, and wait for its end; returns its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        return self.wait()

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Wait for its end; what does not end is killed, and that shows in the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def free_port() -> int:
    """A port that nothing listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def listening(name: Path, port: int, *command: str) -> Iterator[None]:
    """Run a server from when it listens at its port to the end of the block."""
    server = Program(name, *command)
    try:
        give_up = time.monotonic() + END_SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if time.monotonic() > give_up or server.process.poll() is not None:
                raise RuntimeError(f"{command} does not listen: {server.stderr.read_text()[-500:]}")
            time.sleep(0.05)
        yield
    finally:
        server.end(signal.SIGKILL)


@contextmanager
def dynamodb(folder: Path) -> Iterator[int]:
    """DynamoDB by moto; gives its port."""
    port = free_port()
    with listening(folder / "moto", port, "moto.server", "-H", "127.0.0.1", "-p", str(port)):
        yield port


def client(port: int) -> Any:
    """A client of the table itself, past every proxy."""
    session = boto3.Session(AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"], region_name=AWS["AWS_REGION"])
    return session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")


def items(port: int, table: str) -> list[dict[str, Any]]:
    """Everything that a table holds."""
    pages = client(port).get_paginator("scan").paginate(TableName=table)
    return [item for page in pages for item in page["Items"]]


def lines(path: Path) -> list[str]:
    """What was written, line by line, whatever it is."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1] if path.exists() else []


def run(name: Path, *command: str, variables: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a module to its end; gives its exit code, stdout and stderr."""
    program = Program(name, *command, variables=variables)
    code = program.wait()
    return code, program.stdout.read_text(), program.stderr.read_text()
