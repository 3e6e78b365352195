"""What a user would write without this project: `python -m infra.bench.table_peers count …` and `… put …`.

Both print one number: how many items were counted, and how many were put in a second.
"""

import itertools
import json
import sys
import time
from decimal import Decimal
from pathlib import Path

import boto3


def count(table: str, series: str, first: str, last: str) -> int:
    """The items of a range of slots, read page by page and only counted."""
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


def put(table: str, file: str, most: str) -> float:
    """Put the first lines of a file, one after the other; returns the rate, without the time that loading took."""
    resource = boto3.resource("dynamodb").Table(table)
    with Path(file).open() as lines:
        start = time.perf_counter()
        for line in itertools.islice(lines, int(most)):
            record = json.loads(line, parse_float=Decimal)
            keys = {"series": f"{record['symbol']}#{record['levels']}", "slot": f"{record['timestamp'][:17]}00Z"}
            resource.put_item(Item=keys | record)
    return int(most) / (time.perf_counter() - start)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    print(count(*words) if what == "count" else put(*words))
