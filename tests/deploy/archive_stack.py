"""A stack with an archive, and a table with three days of twenty series that have gaps."""

import io
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from support.servers import aws_client

from deploy.account import Account
from handler.archive.days import Day
from handler.record import Record, Series
from handler.slots import format_milliseconds, format_timestamp
from handler.stores.items import Item, item_from_record

PAIRS = [f"P{number}" for number in range(10)]
LEVELS = [5, 20]
SERIES = sorted((Series(f"{pair}USDT", levels) for pair in PAIRS for levels in LEVELS), key=lambda one: one.key)
STEP_SECONDS = 1200
"""From one record of a series to the next. One a minute would be twenty times as many for the emulator to query."""


@dataclass(frozen=True)
class ArchiveStack:
    """A deployed stack."""

    account: Account
    outputs: dict[str, str]

    @property
    def table(self) -> str:
        """The name of its table."""
        return self.outputs["TableName"]

    @property
    def bucket(self) -> str:
        """The name of its bucket."""
        return self.outputs["ArchiveBucket"]

    def write(self, day: Day) -> Any:
        """Have the function write a day; what it returned, or the error: errorType, errorMessage."""
        return self._invoke("ArchiveFunctionName", {"day": str(day)})

    def check(self, newest: Day) -> Any:
        """Have the days up to this one checked, as on the morning after it."""
        return self._invoke("ArchiveCheckFunctionName", {"day": str(newest)})

    def _invoke(self, function: str, event: Any) -> Any:
        client = self.account.client("lambda")
        answer = client.invoke(FunctionName=self.outputs[function], Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())

    def file(self, day: Day) -> bytes | None:
        """The file of a day, None if there is none."""
        s3 = self.account.client("s3")
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket=self.bucket).get("Contents", ())]
        if key(day) not in keys:
            return None
        content: bytes = s3.get_object(Bucket=self.bucket, Key=key(day))["Body"].read()
        return content

    def variables(self, function: str) -> dict[str, Any]:
        """The variables that a function was deployed with."""
        client = self.account.client("lambda")
        found = client.get_function_configuration(FunctionName=self.outputs[function])
        return dict(found["Environment"]["Variables"])

    def keys(self, function: str) -> dict[str, str]:
        """Keys of the role of a function, by the names of the environment."""
        role = self.account.client("lambda").get_function(FunctionName=self.outputs[function])["Configuration"]["Role"]
        lent = self.account.client("sts").assume_role(RoleArn=role, RoleSessionName="proof")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": lent["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": lent["SecretAccessKey"],
            "AWS_SESSION_TOKEN": lent["SessionToken"],
        }

    @contextmanager
    def client_as(self, function: str, service: str) -> Iterator[Any]:
        """A client with the role of a function."""
        keys = {name.lower(): value for name, value in self.keys(function).items()}
        with aws_client(service, self.account.url, **keys) as client:
            yield client

    def put(self, items: list[Item]) -> None:
        """Put items into the table, as they are."""
        dynamodb = self.account.client("dynamodb")
        for start in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            assert not dynamodb.batch_write_item(RequestItems={self.table: requests})["UnprocessedItems"]

    def query(self, sql: str) -> list[list[str]]:
        """The rows that Athena answers in the stack's workgroup and database."""
        athena = self.account.client("athena")
        execution = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.outputs["ArchiveDatabase"]},
            WorkGroup=self.outputs["ArchiveWorkGroup"],
        )["QueryExecutionId"]
        while True:
            status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
        assert status["State"] == "SUCCEEDED", status
        pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [[cell.get("VarCharValue", "") for cell in row] for row in rows[1:]]


def key(day: Day) -> str:
    """Where the file of a day is in the bucket."""
    return f"dt={day}/records.parquet"


def items_of(days: list[Day]) -> list[Item]:
    """Some records of each day and series: gaps here and there, one pair without a day, and a record at 23:59."""
    choose = random.Random(18)
    items = []
    for series in SERIES:
        for day in days:
            slots = [slot for slot in range(day.start, day.end, STEP_SECONDS) if choose.random() > 0.1]
            if series.symbol == "P3USDT" and day == days[1]:
                continue
            items += [item_from_record(_record(series, slot, choose), 60) for slot in [*slots, day.end - 60]]
    return items


def _record(series: Series, slot: int, choose: random.Random) -> Record:
    moment = slot + choose.randrange(60)
    bid, ask = choose.randrange(1, 10**9) / 10**6, choose.randrange(1, 10**9) / 10**6
    return Record(
        timestamp=format_timestamp(moment),
        symbol=series.symbol,
        obi=round((bid - ask) / (bid + ask), 6),
        notional_bid=bid,
        notional_ask=ask,
        levels=series.levels or 0,
        mid=choose.randrange(1, 10**9) / 10**4,
        last_update_id=choose.randrange(2**53),
        host="data-api.binance.vision",
        received_at=format_milliseconds(moment * 1000 + 123),
        interval_seconds=60,
        latency_ms=choose.randrange(1, 10**6) / 10**3,
    )


def rows_of(content: bytes) -> list[dict[str, Any]]:
    """The rows of a file."""
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows
