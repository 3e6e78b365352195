"""What a user would write with boto3: `count TABLE SERIES FIRST LAST` and `put TABLE FILE`, each prints one number."""

import json
import sys
import time
from decimal import Decimal
from pathlib import Path

import boto3


def count(table: str, series: str, first: str, last: str) -> int:
    """The number of items in a range of slots, read page by page."""
    pages = (
        boto3.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            KeyConditionExpression="series = :series AND slot BETWEEN :first AND :last",
            ExpressionAttributeValues={":series": {"S": series}, ":first": {"S": first}, ":last": {"S": last}},
        )
    )
    return sum(len(page["Items"]) for page in pages)


def put(table: str, file: str) -> float:
    """Put the lines of a file one after the other; returns how many a second, without the start."""
    resource = boto3.resource("dynamodb").Table(table)
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    start = time.perf_counter()
    for line in lines:
        record = json.loads(line, parse_float=Decimal)
        # A series of its own, so that `load` finds an empty one.
        keys = {"series": f"put:{record['symbol']}#{record['levels']}", "slot": f"{record['timestamp'][:17]}00Z"}
        resource.put_item(Item=keys | record)
    return len(lines) / (time.perf_counter() - start)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(count(*arguments) if command == "count" else put(*arguments))
