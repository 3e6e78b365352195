"""The policies of docs/deploy.md: each suffices for its command, and each action in it is needed. IAM is enforced."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.program import run

from deploy.account import REGION, Account
from deploy.tools import ROOT
from handler.slots import format_timestamp
from infra.testkit.aws import create_table

POLICIES: dict[str, dict[str, Any]] = {
    name: json.loads(text)
    for names, text in re.findall(
        r"<!-- policy: ([\w ]+) -->\n```json\n(.*?)```",
        (ROOT / "docs/deploy.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    for name in names.split()
}
RECORD = '{"timestamp":"%s","symbol":"P%dUSDT","obi":0.5,"notional_bid":3.0,"notional_ask":1.0,"levels":5}\n'
Grant = Callable[[dict[str, Any]], dict[str, str]]


@pytest.fixture(scope="module")
def table(account: Account) -> str:
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
    path.write_text("".join(RECORD % (moment, number) for moment in ("2026-11-20T10:00:00Z", recent)))
    return ["load", str(path), "--table", table, "--interval_seconds", "60"]


@pytest.mark.parametrize("name", POLICIES)
def test_policy(name: str, table: str, grant: Grant, live_exchange: Any, tmp_path: Any) -> None:
    """It suffices, and each action in it is needed."""
    [statement] = POLICIES[name]["Statement"]
    assert statement["Resource"] == "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME"  # this table, and no other
    words = command(name, table, live_exchange.url, tmp_path / "log", 0)
    done = run(*words, **grant(POLICIES[name]))
    assert (done.returncode in (0, 3), "AccessDenied" in done.stderr) == (True, False), done.stderr
    for number, action in enumerate(actions(POLICIES[name]), 1):
        words = command(name, table, live_exchange.url, tmp_path / "log", number)
        done = run(*words, **grant(without(POLICIES[name], action)))
        assert done.returncode == 1, action
        assert "not authorized" in done.stderr or "AccessDenied" in done.stderr
