"""The servers that contenders use, each in a process of its own, on loopback and a free port."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

import boto3

from infra.bench.environments import ROOT
from infra.bench.processes import Worker, environment
from infra.bench.results import FLOOR, US, Bench
from infra.template import read_template, table_definition

TABLE = "obi"

_DYNALITE = ROOT / "tests/deploy/node_modules/dynalite"
_START_DYNALITE = """
process.on("uncaughtException", error => { if (error.code !== "ECONNRESET") throw error })
const server = require(process.argv[1])({ path: process.argv[2], createTableMs: 1 })
server.listen(0, "127.0.0.1", () => console.error(`listening on http://127.0.0.1:${server.address().port}`))
"""
"""By itself dynalite ends when a client is killed while it sends a request."""


@contextmanager
def exchange(*flags: str) -> Iterator[str]:
    """The fake exchange: its books do not change, so that making them is not measured. Yields its URL."""
    command = [sys.executable, "-m", "infra.fake_exchange", "--weight-limit", "0", "--tick-ms", "0", *flags]
    with _running(command) as url:
        yield url


@contextmanager
def contenders(
    bench: Bench, url: str, only: Collection[str] = (), left_out: Collection[str] = ()
) -> Iterator[dict[str, Worker]]:
    """All contenders, or `only` some, each in a process of its own until the end of `with`, by name."""
    peers = [peer for peer in (FLOOR, US, *bench.others) if (not only or peer.label in only)]
    with null_table() as aws, ExitStack() as stack:
        yield {
            peer.label: stack.enter_context(
                Worker(bench.environments.python(peer.environment), peer.module, url, **aws)
            )
            for peer in peers
            if peer.label not in left_out
        }


@contextmanager
def null_table() -> Iterator[dict[str, str]]:
    """A DynamoDB that accepts and discards everything. Yields the environment in which boto3 finds it."""
    with _running([sys.executable, "-m", "infra.bench.null_table"]) as url:
        yield _variables(url)


@contextmanager
def dynalite() -> Iterator[dict[str, str]]:
    """A DynamoDB over LevelDB on disk, with an empty table. Yields the environment in which boto3 finds it."""
    node = shutil.which("node")
    if not node or not _DYNALITE.exists():
        raise SystemExit("bench: dynalite is missing: install node and npm, then make tests/deploy/node_modules")
    with (
        tempfile.TemporaryDirectory() as folder,
        _running([node, "-e", _START_DYNALITE, str(_DYNALITE), folder]) as url,
    ):
        dynamodb: Any = boto3.client(
            "dynamodb",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106 - not a secret
        )
        dynamodb.create_table(TableName=TABLE, **table_definition(read_template()))
        dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})
        yield _variables(url)


def _variables(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }


@contextmanager
def _running(command: Sequence[str]) -> Iterator[str]:
    """Run a server until the end of `with`. Yields its URL, which it prints to stderr."""
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _url(process)
        finally:
            process.kill()


def _url(process: "subprocess.Popen[str]") -> str:
    for text in cast(IO[str], process.stderr):
        if found := re.search(r"listening on (\S+)", text):
            return found[1]
    raise RuntimeError(f"{process.args!r} did not start")
