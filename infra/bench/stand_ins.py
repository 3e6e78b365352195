"""Two local stand-ins for DynamoDB that share no code, each in a process of its own, on loopback and a free port."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3

from infra.bench.servers import ROOT, environment

TABLE = "obi"
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}
DYNALITE = ROOT / "tests/deploy/node_modules/dynalite/cli.js"
STEADY = """
process.on("uncaughtException", error => { if (error.code !== "ECONNRESET") throw error })
require(process.argv[1])
"""
"""By itself dynalite ends when a client is killed while it sends a request."""
START_SECONDS = 30.0


@contextmanager
def dynalite() -> Iterator[str]:
    """In JavaScript, over LevelDB on disk: it holds a million items. Gives its URL."""
    node = shutil.which("node")
    if not node or not DYNALITE.exists():
        raise SystemExit("dynalite is missing: install node and npm, then make tests/deploy/node_modules")
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--host", "127.0.0.1", "--createTableMs", "1", "--path", folder]
        with _running([node, "-e", STEADY, str(DYNALITE), *flags, "--port"]) as url:
            yield url


@contextmanager
def moto() -> Iterator[str]:
    """In Python, in memory. Gives its URL."""
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p"]) as url:
        yield url


def client(url: str) -> Any:
    """A client of a stand-in."""
    session = boto3.Session(AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"], region_name=AWS["AWS_REGION"])
    return session.client("dynamodb", endpoint_url=url)


def place(url: str, name: str = TABLE) -> dict[str, str]:
    """The environment in which programs find a table."""
    return AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url, "OBI_TABLE": name}


def create_table(url: str, name: str = TABLE) -> dict[str, str]:
    """Create a table as template.yaml does. Gives the environment in which programs find it."""
    asking = client(url)
    asking.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("series", "slot")],
        KeySchema=[{"AttributeName": "series", "KeyType": "HASH"}, {"AttributeName": "slot", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    asking.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return place(url, name)


@contextmanager
def _running(command: Sequence[str]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    process = subprocess.Popen(
        [*command, str(port)], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen at {port}")
