"""Storing as a script around a peer does it: boto3's Table, each item put once."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr
from botocore.config import Config

THREADS = 16


class Store:
    """A table resource; where it is, and who asks, boto3 reads from the environment."""

    def __init__(self) -> None:
        resource = boto3.resource("dynamodb", config=Config(max_pool_connections=THREADS))
        self._table = resource.Table("obi")
        self._pool = ThreadPoolExecutor(THREADS)

    def put(self, lines: Sequence[str]) -> None:
        """Put the record of each line, one after the other."""
        for text in lines:
            self._put(text)

    def put_at_once(self, lines: Sequence[str]) -> None:
        """Put the record of each line, in threads."""
        list(self._pool.map(self._put, lines))

    def _put(self, text: str) -> None:
        record: dict[str, Any] = json.loads(text, parse_float=Decimal)
        keys = {"series": f"{record['symbol']}#{record['levels']}", "slot": record["timestamp"]}
        self._table.put_item(Item=keys | record, ConditionExpression=Attr("series").not_exists())
