"""The policies of docs/deploy.md: each suffices for its command, and allows nothing more. IAM is enforced."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.program import run
from support.servers import aws_client

from deploy.account import REGION, Account
from deploy.tools import ROOT
from handler.slots import format_timestamp
from infra.testkit.aws import create_table

POLICIES: dict[str, dict[str, Any]] = {
    name: json.loads(text)
    for name, text in re.findall(
        r"<!-- policy: (\w+) -->\n```json\n(.*?)```", (ROOT / "docs/deploy.md").read_text(encoding="utf-8"), re.DOTALL
    )
}
KEY = {"pair": {"S": "TEST"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
QUERY = {"KeyConditionExpression": "pair = :one", "ExpressionAttributeValues": {":one": KEY["pair"]}}
CALLS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "dynamodb:GetItem": ("get_item", lambda table: {"TableName": table, "Key": KEY}),
    "dynamodb:PutItem": ("put_item", lambda table: {"TableName": table, "Item": KEY}),
    "dynamodb:UpdateItem": ("update_item", lambda table: {"TableName": table, "Key": KEY}),
    "dynamodb:DeleteItem": ("delete_item", lambda table: {"TableName": table, "Key": KEY}),
    "dynamodb:Scan": ("scan", lambda table: {"TableName": table}),
    "dynamodb:Query": ("query", lambda table: {"TableName": table, **QUERY}),
    "dynamodb:BatchGetItem": ("batch_get_item", lambda table: {"RequestItems": {table: {"Keys": [KEY]}}}),
    "dynamodb:BatchWriteItem": (
        "batch_write_item",
        lambda table: {"RequestItems": {table: [{"PutRequest": {"Item": KEY}}]}},
    ),
    "dynamodb:DeleteTable": ("delete_table", lambda table: {"TableName": table}),
}
RECORD = '{"timestamp":"%s","symbol":"P%dUSDT","obi":0.5,"notional_bid":3.0,"notional_ask":1.0,"levels":5}\n'
Grant = Callable[[dict[str, Any]], dict[str, str]]


@pytest.fixture(scope="module")
def table(account: Account) -> str:
    return create_table(account.client("dynamodb"))


@pytest.fixture(scope="module")
def other_table(account: Account) -> str:
    return create_table(account.client("dynamodb"))


@pytest.fixture
def grant(account: Account, table: str) -> Iterator[Grant]:
    """Create a user with a policy of docs/deploy.md for the table; gives its environment."""
    iam, users = account.client("iam"), list[str]()

    def grant(policy: dict[str, Any]) -> dict[str, str]:
        name = f"user-{len(users)}"
        text = json.dumps(policy).replace("REGION", REGION).replace("ACCOUNT", "000000000000").replace("NAME", table)
        iam.create_user(UserName=name)
        users.append(name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=text)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        return account.environment | keys

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


def command(name: str, table: str, exchange_url: str, path: Any, number: int) -> list[str]:
    """The command that a policy is for; what it writes is new with each number."""
    if name == "history":
        return ["history", "--table", table, "--symbol", "BTC", "--gaps"]
    if name == "sample":
        flags = ["--symbol", ("BTC", "ETH/BTC")[number], "--count", "1", "--interval_seconds", "1"]
        return [*flags, "--table", table, "--base-url", exchange_url]
    recent = format_timestamp(time.time() - 120)
    # Records of the last hour are put one by one, older ones in batches.
    path.write_text("".join(RECORD % (moment, number) for moment in ("2026-11-20T10:00:00Z", recent)))
    return ["load", str(path), "--table", table, "--interval_seconds", "60"]


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_suffices_and_each_action_in_it_is_needed(
    name: str, table: str, grant: Grant, live_exchange: Any, tmp_path: Any
) -> None:
    words = command(name, table, live_exchange.url, tmp_path / "log", 0)
    done = run(*words, **grant(POLICIES[name]))
    assert (done.returncode in (0, 3), "AccessDenied" in done.stderr) == (True, False), done.stderr
    for number, action in enumerate(actions(POLICIES[name]), 1):
        words = command(name, table, live_exchange.url, tmp_path / "log", number)
        done = run(*words, **grant(without(POLICIES[name], action)))
        assert done.returncode == 1, action
        assert "not authorized" in done.stderr or "AccessDenied" in done.stderr


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_allows_nothing_more(name: str, account: Account, table: str, other_table: str, grant: Grant) -> None:
    allowed = set(actions(POLICIES[name]))
    keys = grant(POLICIES[name])
    secrets = {"aws_access_key_id": keys["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"]}
    with aws_client("dynamodb", account.url, region=REGION, **secrets) as client:
        for action, (method, parameters) in CALLS.items():
            for each in [other_table] if action in allowed else [table, other_table]:
                with pytest.raises(ClientError, match="AccessDenied"):
                    getattr(client, method)(**parameters(each))
