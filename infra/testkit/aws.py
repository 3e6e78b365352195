"""Fake AWS: an account that exists on this machine only, clients of fake services, and the template's table."""

import time
import uuid
from contextlib import closing
from functools import lru_cache
from typing import Any

import boto3

AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The environment variables of the account."""
TABLE: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pair", "slot")],
    "KeySchema": [{"AttributeName": "pair", "KeyType": "HASH"}, {"AttributeName": "slot", "KeyType": "RANGE"}],
    "BillingMode": "PAY_PER_REQUEST",
}
"""What tests/deploy/test_template.py compares with the template."""


def aws_client(service: str, url: str, *, region: str = AWS["AWS_REGION"], **keys: str) -> "closing[Any]":
    """A client of a fake service within `with`, with these keys or those of the account."""
    keys = keys or {name.lower(): AWS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    return closing(_session(region_name=region, **keys).client(service, endpoint_url=url))


@lru_cache(maxsize=4)
def _session(**options: str) -> Any:
    return boto3.Session(**options)  # which keeps what it has read: a service's description takes 0.1 s


def create_table(client: Any, name: str = "") -> str:
    """Create the template's table; returns its name, by default a unique one."""
    name = name or f"records-{uuid.uuid4()}"
    client.create_table(TableName=name, **TABLE)
    while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.01)
    return name


def scan(client: Any, table: str) -> list[dict[str, Any]]:
    """All items of a table."""
    pages = client.get_paginator("scan").paginate(TableName=table)
    return [item for page in pages for item in page["Items"]]
