"""A stack is changed, deleted and deployed again, and shares a table with another one: no record is lost by it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.account import Account

PART = "part"
OTHERS = {
    "Symbols": "BTC/USDT",
    "Levels": "3",
    "IntervalSeconds": "30",
    "Quote": "USDC",
    "RetentionDays": "30",
    "LogRetentionDays": "7",
    "Archive": "true",
    "AlarmEmail": "c@d.example",
    "Dashboard": "true",
    "MemorySize": "512",
}
"""Another value of parameters."""

Outputs = dict[str, str]


def series(account: Account, table: str) -> set[str]:
    return {item["series"]["S"] for item in account.items(table)}


def log_groups(account: Account) -> set[str]:
    return {group["logGroupName"] for group in account.client("logs").describe_log_groups()["logGroups"]}


@pytest.fixture(scope="module")
def part(account: Account) -> Outputs:
    """The outputs of a stack that has sampled into a table of its own."""
    account.deploy("Symbols=BTC", "Levels=2", "Dashboard=false", stack=PART)
    outputs = account.outputs(PART)
    assert json.loads(account.invoke(outputs)) == {"stored": 1, "duplicates": 0, "skipped": 0}
    return outputs


def test_a_stack_without_dashboard_has_six_alarms(part: Outputs, account: Account) -> None:
    alarms = {name for name in account.resources(PART) if name.endswith("Alarm")}
    assert len(alarms) == 6
    assert "Dashboard" not in account.resources(PART)


def test_a_list_that_no_function_can_hold_is_rejected_with_the_way_out(account: Account, sam_template: Any) -> None:
    """430 pairs by full name. Above 4096 characters CloudFormation itself rejects a parameter, in its own words."""
    template = {"Parameters": sam_template["Parameters"], "Resources": {"None": {"Type": "AWS::SQS::Queue"}}}
    pairs = ",".join(f"P{number:03}USDT" for number in range(430))
    with pytest.raises(
        ClientError, match="deploy the other pairs as a second stack with ExistingTable set to"
    ) as caught:
        account.client("cloudformation").create_stack(
            StackName="too-long",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "Symbols", "ParameterValue": pairs}],
        )
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_changing_every_parameter_keeps_the_table_that_was_used_and_two_stacks_share_the_other(
    outputs: Outputs, part: Outputs, account: Account, sam_template: Any
) -> None:
    """ExistingTable becomes that of the other stack. Of market and depths, which belong together, Levels changes."""
    changed = OTHERS | {"ExistingTable": outputs["TableName"]}
    assert changed.keys() | {"BaseUrls", "Market", "Bps", "Limit"} == sam_template["Parameters"].keys()
    account.deploy(*(f"{name}={value}" for name, value in changed.items()), stack=PART)
    shared = account.outputs(PART, "UPDATE_COMPLETE")
    assert shared["TableName"] == outputs["TableName"]
    account.invoke(shared)
    account.invoke(outputs)
    assert {"BTCUSDT#1", "BTCUSDT#3", "BTCUSDT#5"} <= series(account, outputs["TableName"])
    assert series(account, part["TableName"]) == {"BTCUSDT#2"}


def test_deleted_and_deployed_again_the_stack_goes_on_in_its_table(part: Outputs, account: Account) -> None:
    account.delete(PART)
    assert part["LogGroupName"] in log_groups(account)
    assert series(account, part["TableName"]) == {"BTCUSDT#2"}
    account.deploy("Symbols=BTC", "Levels=4", f"ExistingTable={part['TableName']}", stack=PART)
    again = account.outputs(PART)
    assert again["TableName"] == part["TableName"]
    assert "Records" not in account.resources(PART)
    account.invoke(again)
    assert series(account, part["TableName"]) == {"BTCUSDT#2", "BTCUSDT#4"}
