"""The parts, put together: a local DynamoDB with the template's table, an exchange, and the function on its schedule.

The table is moto's: the one stand-in for DynamoDB that pip alone installs on any Python from 3.11, and the quickest.
"""

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from handler.bulk import Bulk
from handler.errors import HandlerError
from handler.settings import Settings
from handler.times import format_time
from infra.exchange import Exchange
from infra.local import state
from infra.template import function_environment, read_template, table_definition

TABLE = "order-book-imbalance"
TIMEOUT_SECONDS = 75
MINUTE = 60

AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}
"""Any will do; the stand-in asks for none in particular."""

QUIET = {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
"""Only records on stdout; what goes wrong is told on stderr."""


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands the function besides the event."""

    deadline: float
    function_name: str = "local"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:local"
    aws_request_id: str = "local"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be stopped."""
        return int((self.deadline - time.monotonic()) * 1000)


@contextmanager
def running(settings: Mapping[str, str], *, live: bool) -> Iterator[Any]:
    """Start everything, with the records of earlier runs; on leaving keep them, and stop. Yields a DynamoDB client.

    `settings` are OBI_* variables that replace the template's defaults; `live` asks the real exchange.
    """
    state.FOLDER.mkdir(exist_ok=True)
    template = read_template()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with Exchange() as exchange:
        host, port = server.get_host_and_port()
        table = {**AWS, "AWS_ENDPOINT_URL_DYNAMODB": f"http://{host}:{port}", "OBI_TABLE": TABLE}
        source = {} if live else {"OBI_BASE_URL": exchange.url}
        os.environ.update({**QUIET, **function_environment(template), **source, **settings, **table})
        checked = Settings.read({}, os.environ)
        client = boto3.client("dynamodb")
        client.create_table(TableName=TABLE, **table_definition(template))
        restored = state.restore(Bulk(TABLE, client, interval_seconds=checked.interval_seconds))
        tell(f"{restored} records of earlier runs are in the table {TABLE}")
        shared = {name: os.environ[name] for name in (*table, "OBI_BASE_URL", "OBI_SYMBOLS", "OBI_INTERVAL_SECONDS")}
        state.announce({**shared, "PATH": f"{Path(sys.executable).parent}:$PATH"})
        try:
            yield client
        finally:
            tell(f"{state.save(client, TABLE)} records are kept in {state.RECORDS}: make local starts with them again")
            state.ENVIRONMENT.unlink()
            server.stop()


def run_schedule() -> None:
    """Invoke the function at once and at the start of every minute, as the schedule does, for ever."""
    from handler.app import lambda_handler  # reads its settings from the environment, which is ready only now

    warnings.filterwarnings("ignore", "No application metrics", UserWarning)  # when Ctrl-C comes before there are any
    with redirect_stdout(state.Journal(sys.stdout)):
        while True:
            now = time.time()
            try:
                lambda_handler({"scheduled_time": format_time(now)}, Context(time.monotonic() + TIMEOUT_SECONDS))
            except HandlerError as error:
                tell(str(error))
            time.sleep(max(now - now % MINUTE + MINUTE - time.time(), 0))


def tell(text: str) -> None:
    """Say something to the person at the terminal, beside the records."""
    print(f"local: {text}", file=sys.stderr)
