"""The policies of docs/deploy.md: each suffices for its command, and each action in it is needed. IAM is enforced."""

import json
import re
import time
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


@pytest.fixture(scope="module")
def table(account: Account) -> str:
    return create_table(account.client("dynamodb"))


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
def test_policy(name: str, table: str, account: Account, live_exchange: Any, tmp_path: Any) -> None:
    """It suffices, and each action in it is needed."""
    [statement] = POLICIES[name]["Statement"]
    assert statement["Resource"] == "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME"  # this table, and no other
    actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    for number, missing in enumerate([None, *actions]):
        allowed = [action for action in actions if action != missing] or ["dynamodb:ListTables"]
        policy = POLICIES[name] | {"Statement": [statement | {"Action": allowed}]}
        text = json.dumps(policy).replace("REGION", REGION).replace("ACCOUNT", "000000000000").replace("NAME", table)
        words = command(name, table, live_exchange.url, tmp_path / "log", number)
        done = run(*words, **account.environment | account.user_with(text))
        is_denied = "not authorized" in done.stderr or "AccessDenied" in done.stderr
        assert (done.returncode in (0, 3), is_denied) == (missing is None, missing is not None), done.stderr
