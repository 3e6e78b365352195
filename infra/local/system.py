"""The parts, put together: a DynamoDB with the template's table, an exchange, and the function on its schedule."""

import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import boto3

from handler.errors import HandlerError, InvalidRecord
from handler.record import Record
from handler.settings import Settings
from handler.slots import format_timestamp, slot_start
from handler.stores.items import Item, item_from_record, record_from_item
from infra.fake_exchange import FakeExchange
from infra.local import state
from infra.local.journal import Journal
from infra.local.output import RecordOutput
from infra.local.table_server import table_server
from infra.template import function_environment, read_template
from infra.testkit.aws import create_table
from infra.testkit.lambda_context import LambdaContext

TABLE = "order-book-imbalance"
TIMEOUT_SECONDS = 75
MINUTE_SECONDS = 60

MAX_RESTORED = 5000
"""Records that the table starts with: some seconds of start, and what moto can read within seconds."""
SLOW_RECORDS = 10_000
"""With more of them in the table a message says how slow it is."""
MAX_BATCH_ITEMS = 25
"""Items that one BatchWriteItem takes (DynamoDB API reference)."""
SWITCH_SECONDS = 0.0005
"""The sampler waits so long for a table that is busy in the same process; Python's default is ten times that."""

AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}
"""Any keys will do: the stand-in checks none."""

QUIET = {"POWERTOOLS_LOG_LEVEL": "CRITICAL"}
"""Errors are printed as one sentence on stderr, without Powertools' log lines."""

OUTSIDE = ("AWS_", "OBI_", "POWERTOOLS_")
"""Variables of the developer's shell that mean another account, or other settings."""


class RecordKeeper:
    """Puts every record into the journal, once, whether the function printed it or anyone stored it in the table."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._stored = 0
        self._fails = False

    def printed(self, record: Record) -> None:
        """Called with each record before it is printed."""
        self._append([record])

    def stored(self, items: Sequence[Item]) -> None:
        """Called with what was put into the table, by the function or from another terminal."""
        records = []
        for item in items:
            try:
                records.append(record_from_item(item))
            except InvalidRecord:  # another program's item
                continue
        self._append(records)
        before, self._stored = self._stored, self._stored + len(records)
        if before <= SLOW_RECORDS < self._stored:
            print_message(
                f"the table holds more than {SLOW_RECORDS} records, and this stand-in for DynamoDB reads only a few "
                f"hundred a second: ask for short ranges; next time it starts with the newest {MAX_RESTORED}"
            )

    def _append(self, records: Sequence[Record]) -> None:
        try:
            self._journal.append(records)
        except OSError as error:
            if not self._fails:
                print_message(f"{state.RECORDS} cannot be written, so that new records will be lost: {error.strerror}")
            self._fails = True
        else:
            self._fails = False


@contextmanager
def running(settings: Mapping[str, str], *, live: bool) -> Iterator[RecordKeeper]:
    """Start everything, with the newest records of earlier runs; nothing needs to be saved on leaving.

    `settings` are OBI_* variables that replace the template's defaults; `live` uses the real exchange.
    """
    template = read_template()
    _clean_environment()
    sys.setswitchinterval(SWITCH_SECONDS)
    journal = Journal(state.RECORDS)
    keeper = RecordKeeper(journal)
    with state.locked(), table_server(TABLE, keeper.stored) as url, FakeExchange() as exchange:
        earlier = journal.read_newest(MAX_RESTORED)
        table = {**AWS, "AWS_ENDPOINT_URL_DYNAMODB": url, "OBI_TABLE": TABLE}
        source = {} if live else {"OBI_BASE_URL": exchange.url}
        os.environ.update({**QUIET, **function_environment(template), **source, **settings, **table})
        interval_seconds = Settings.read({}, os.environ).interval_seconds
        client = boto3.client("dynamodb")
        create_table(client, TABLE)
        restored = _restore(client, earlier, interval_seconds)
        print_message(_restored_message(restored, len(journal), interval_seconds))
        shared = (*table, "OBI_BASE_URL", "OBI_SYMBOLS", "OBI_INTERVAL_SECONDS", "NO_PROXY", "no_proxy")
        state.announce({name: os.environ[name] for name in shared}, Path(sys.executable).parent)
        try:
            yield keeper
        finally:
            state.ENVIRONMENT.unlink(missing_ok=True)
            print_message(
                f"{len(journal)} records are kept in {state.RECORDS}: make local starts with the newest of them"
            )


def _clean_environment() -> None:
    """Keep out what the developer's shell says of AWS and of this program, and talk to this machine directly."""
    for name in [name for name in os.environ if name.startswith(OUTSIDE)]:
        del os.environ[name]
    hosts = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "", "127.0.0.1"]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, hosts))


def _restore(client: Any, records: Sequence[Record], interval_seconds: int) -> int:
    """Put records into the empty table, of several for one slot the first; returns how many that were."""
    items: dict[tuple[str, str], Item] = {}
    for record in records:
        item = item_from_record(record, interval_seconds)
        items.setdefault((item["series"]["S"], item["slot"]["S"]), item)
    requests = [{"PutRequest": {"Item": item}} for item in items.values()]
    for start in range(0, len(requests), MAX_BATCH_ITEMS):
        client.batch_write_item(RequestItems={TABLE: requests[start : start + MAX_BATCH_ITEMS]})
    return len(requests)


def _restored_message(restored: int, kept: int, interval_seconds: int) -> str:
    if restored == kept:
        return f"{restored} records of earlier runs are in the table {TABLE}"
    return (
        f"{restored} of {kept} records of earlier runs are in the table {TABLE}, which takes one for each slot of "
        f"{interval_seconds} s and here the newest {MAX_RESTORED}; {state.RECORDS} keeps all"
    )


def run_schedule(keeper: RecordKeeper, interval_seconds: int) -> None:
    """Invoke the function at once and at the start of every minute, as the schedule does, for ever.

    An event of the schedule requests the slots that begin in its minute, from now on; the first record should come now.
    """
    from handler.app import lambda_handler  # reads its settings from the environment, which is ready only now

    warnings.filterwarnings("ignore", "No application metrics", UserWarning)  # when every sample failed
    with redirect_stdout(RecordOutput(sys.stdout.fileno(), keeper.printed)):
        event: dict[str, str] = {}
        while True:
            now = time.time()
            try:
                lambda_handler(event, LambdaContext(time.monotonic() + TIMEOUT_SECONDS))
            except HandlerError as error:
                print_message(str(error))
            next_event = now - now % MINUTE_SECONDS + MINUTE_SECONDS
            if interval_seconds < MINUTE_SECONDS:  # nobody took over, so that the function went on until its end
                next_event = slot_start(time.time(), interval_seconds) + interval_seconds
            time.sleep(max(next_event - time.time(), 0))
            event = {"scheduled_time": format_timestamp(time.time())}


def print_message(text: str) -> None:
    """Print a message on stderr; stdout has the records."""
    print(f"local: {text}", file=sys.stderr)
