"""The stand-ins, each in a process of its own, on loopback and a free port."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

ROOT = Path(__file__).parents[2]

_OURS = ("OBI_", "AWS_", "POWERTOOLS_", "PYTHON")
_OF_THE_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_OF_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, but for what would set a contender up differently on another machine."""
    dropped = _OF_THE_NETWORK + _OF_OPENSSL
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    return {name: value for name, value in kept.items() if name.upper() not in dropped} | {
        "PYTHONPATH": str(ROOT),
        **more,
    }


@contextmanager
def exchange(*flags: str) -> Iterator[str]:
    """The stand-in exchange: its books stand still, so that making them is not measured. Yields its URL."""
    with _server("infra.fake_exchange", "--weight-limit", "0", "--tick-ms", "0", *flags) as url:
        yield url


@contextmanager
def table() -> Iterator[dict[str, str]]:
    """The DynamoDB that answers at once. Yields the environment in which boto3 finds it."""
    with _server("infra.bench.table_stand_in") as url:
        yield {
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
        }


@contextmanager
def _server(module: str, *flags: str) -> Iterator[str]:
    command = [sys.executable, "-m", module, *flags]
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
