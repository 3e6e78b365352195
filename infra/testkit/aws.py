"""Fake AWS: an account that exists on this machine only, clients of fake services, and the template's table."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import boto3
import yaml

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The environment variables of the account."""


@contextmanager
def aws_client(service: str, url: str, *, region: str = AWS["AWS_REGION"], **keys: str) -> Iterator[Any]:
    """A client of a fake service, with these keys or those of the account."""
    keys = keys or {
        "aws_access_key_id": AWS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": AWS["AWS_SECRET_ACCESS_KEY"],
    }
    client = _session(region_name=region, **keys).client(service, endpoint_url=url)
    try:
        yield client
    finally:
        client.close()


@lru_cache(maxsize=4)
def _session(**options: str) -> Any:
    return boto3.Session(**options)  # which keeps what it has read: a service's description takes 0.1 s


def create_table(client: Any, name: str = "") -> str:
    """Create the template's table; returns its name, by default a unique one."""
    name = name or f"records-{uuid.uuid4()}"
    client.create_table(TableName=name, **_table_definition())
    while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.01)
    return name


class _Loader(yaml.SafeLoader):
    """Reads `!Ref X` and its kin as nothing."""


_Loader.add_multi_constructor("!", lambda *_: None)


@cache
def _table_definition() -> dict[str, Any]:
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    resources = template["Resources"].values()
    [table] = [each["Properties"] for each in resources if each["Type"] == "AWS::DynamoDB::Table"]
    return {name: table[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")}


def scan(client: Any, table: str) -> list[dict[str, Any]]:
    """All items of a table."""
    pages = client.get_paginator("scan").paginate(TableName=table)
    return [item for page in pages for item in page["Items"]]
