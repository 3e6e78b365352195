"""The policies of docs/deploy.md: each suffices for its command, and allows nothing more. IAM is enforced."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.program import run
from support.servers import AWS, aws_client

from deploy.account import Account
from deploy.tools import ROOT
from handler.slots import format_timestamp
from infra.testkit.aws import create_table

POLICIES: dict[str, dict[str, Any]] = {
    name: json.loads(text)
    for name, text in re.findall(
        r"<!-- policy: (\w+) -->\n```json\n(.*?)```", (ROOT / "docs/deploy.md").read_text(encoding="utf-8"), re.DOTALL
    )
}
KEY = {"series": {"S": "TEST#5"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
CALLS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "dynamodb:GetItem": ("get_item", lambda table: {"TableName": table, "Key": KEY}),
    "dynamodb:PutItem": ("put_item", lambda table: {"TableName": table, "Item": KEY}),
    "dynamodb:UpdateItem": ("update_item", lambda table: {"TableName": table, "Key": KEY}),
    "dynamodb:DeleteItem": ("delete_item", lambda table: {"TableName": table, "Key": KEY}),
    "dynamodb:Scan": ("scan", lambda table: {"TableName": table}),
    "dynamodb:Query": (
        "query",
        lambda table: {
            "TableName": table,
            "KeyConditionExpression": "series = :one",
            "ExpressionAttributeValues": {":one": KEY["series"]},
        },
    ),
    "dynamodb:BatchGetItem": ("batch_get_item", lambda table: {"RequestItems": {table: {"Keys": [KEY]}}}),
    "dynamodb:BatchWriteItem": (
        "batch_write_item",
        lambda table: {"RequestItems": {table: [{"PutRequest": {"Item": KEY}}]}},
    ),
    "dynamodb:DescribeTable": ("describe_table", lambda table: {"TableName": table}),
    "dynamodb:DeleteTable": ("delete_table", lambda table: {"TableName": table}),
}
RECORD = '{"timestamp":"%s","symbol":"BTCUSDT","obi":0.5,"notional_bid":3.0,"notional_ask":1.0,"levels":%d}\n'
Grant = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def table(account: Account) -> str:
    return create_table(account.client("dynamodb"))


@pytest.fixture(scope="module")
def other_table(account: Account) -> str:
    return create_table(account.client("dynamodb"))


@pytest.fixture
def grant(account: Account, table: str) -> Iterator[Grant]:
    """Create a user with a policy of docs/deploy.md for the table; gives its environment."""
    iam = account.client("iam")
    users: list[str] = []

    def grant(policy: dict[str, Any]) -> dict[str, str]:
        name = f"user-{len(users)}"
        text = json.dumps(policy).replace("REGION", AWS["AWS_REGION"]).replace("ACCOUNT", "000000000000")
        iam.create_user(UserName=name)
        users.append(name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=text.replace("NAME", table))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return AWS | {
            "AWS_ENDPOINT_URL": account.url,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    yield grant
    for name in users:
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="own")
        iam.delete_user(UserName=name)


def actions(policy: dict[str, Any]) -> list[str]:
    [statement] = policy["Statement"]
    found = statement["Action"]
    return [found] if isinstance(found, str) else list(found)


def without(policy: dict[str, Any], action: str) -> dict[str, Any]:
    [statement] = policy["Statement"]
    left = [each for each in actions(policy) if each != action] or ["dynamodb:ListTables"]
    return policy | {"Statement": [statement | {"Action": left}]}


def commands(name: str, table: str, exchange_url: str, path: Any, number: int) -> list[str]:
    """The command that a policy is for; what it writes is new with each number."""
    if name == "history":
        return ["history", "--table", table, "--symbol", "BTC", "--levels", "1", "--gaps"]
    if name == "sample":
        flags = ["--symbol", "BTC", "--levels", str(100 + number), "--count", "1", "--interval_seconds", "1"]
        return [*flags, "--table", table, "--base-url", exchange_url]
    recent = format_timestamp(time.time() - 120)
    # Records of the last hour are put one by one, older ones in batches.
    path.write_text("".join(RECORD % (moment, 200 + number) for moment in ("2026-11-20T10:00:00Z", recent)))
    return ["load", str(path), "--table", table]


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_suffices_and_each_action_in_it_is_needed(
    name: str, table: str, grant: Grant, live_exchange: Any, tmp_path: Any
) -> None:
    command = commands(name, table, live_exchange.url, tmp_path / "log", 0)
    done = run(*command, **grant(POLICIES[name]))
    assert (done.returncode, "AccessDenied" in done.stderr) in ((0, False), (3, False)), done.stderr
    for number, action in enumerate(actions(POLICIES[name]), 1):
        command = commands(name, table, live_exchange.url, tmp_path / "log", number)
        done = run(*command, **grant(without(POLICIES[name], action)))
        assert done.returncode == 1, action
        assert "not authorized" in done.stderr or "AccessDenied" in done.stderr


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_allows_nothing_more(name: str, account: Account, table: str, other_table: str, grant: Grant) -> None:
    allowed = set(actions(POLICIES[name]))
    keys = grant(POLICIES[name])
    secrets = {"aws_access_key_id": keys["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"]}
    with aws_client("dynamodb", account.url, **secrets) as client:
        for action, (method, parameters) in CALLS.items():
            for each in [other_table] if action in allowed else [table, other_table]:
                with pytest.raises(ClientError, match="AccessDenied"):
                    getattr(client, method)(**parameters(each))
