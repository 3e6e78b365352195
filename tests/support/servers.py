"""Servers that tests start: each on 127.0.0.1 and a free port, awaited within bounds, ended by its own process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from infra.template import read_template, table_definition

DYNALITE = Path(__file__).parents[1] / "deploy/node_modules/dynalite/cli.js"
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""An AWS account that exists on this machine only."""
START_SECONDS = 30.0
END_SECONDS = 5.0


def clean_environment(**more: str) -> dict[str, str]:
    """An environment for a process, with nothing in it of what the developer has set."""
    kept = ("PATH", "PYENV_ROOT", "HOME", "TMPDIR")  # where programs are found, and may write
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def free_port() -> int:
    """A port that nothing listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path], port: int, log: Path, *, cwd: Path | None = None, **environment: str
) -> Iterator[Path]:
    """Run a server from when it listens at its port; gives the file that its output goes to."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=clean_environment(**environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what it starts itself ends with it
        )
    try:
        _await(process, port, log)
        yield log
    finally:
        _end(process)


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not listen at {port}: {log.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(END_SECONDS)


@contextmanager
def moto() -> Iterator[str]:
    """DynamoDB by moto; gives its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def dynalite(directory: Path) -> Iterator[str]:
    """DynamoDB by dynalite, which shares no code with moto and is stricter; gives its URL."""
    if not (node := shutil.which("node")) or not DYNALITE.exists():
        pytest.skip(
            "dynalite is missing, so only moto is tried: install node and npm, then make tests/deploy/node_modules"
        )
    port = free_port()
    command: list[str | Path] = [node, DYNALITE, "--host", "127.0.0.1", "--port", str(port), "--createTableMs", "1"]
    with running(command, port, directory / "dynalite.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def aws_client(service: str, url: str, **keys: str) -> Iterator[Any]:
    """A client of a stand-in for AWS, with these keys or those of the account."""
    keys = keys or {
        "aws_access_key_id": AWS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": AWS["AWS_SECRET_ACCESS_KEY"],
    }
    client = boto3.Session(region_name=AWS["AWS_REGION"], **keys).client(service, endpoint_url=url)
    try:
        yield client
    finally:
        client.close()


def create_table(client: Any) -> str:
    """Create a table as template.yaml describes it; returns its name, which no other has."""
    name = f"records-{uuid.uuid4()}"
    client.create_table(TableName=name, **table_definition(read_template()))
    while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.01)
    return name
