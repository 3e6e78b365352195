"""Servers that tests start: each on 127.0.0.1 and a free port, awaited within bounds, ended by its own process id."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from infra.testkit.aws import AWS, aws_client, create_table
from infra.testkit.processes import clean_environment, free_port
from infra.testkit.processes import run_server as running

__all__ = ["AWS", "aws_client", "clean_environment", "create_table", "dynalite", "free_port", "moto", "running"]

DYNALITE = Path(__file__).parents[1] / "deploy/node_modules/dynalite/cli.js"


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
