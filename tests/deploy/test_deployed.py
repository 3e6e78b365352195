"""`sam deploy` of the real template, into an emulator of AWS that enforces IAM policies: the life of a stack."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.program import until
from support.servers import aws_client

from deploy.account import REGION, Account
from handler.slots import format_timestamp, parse_timestamp
from handler.stores.item import record_from_item

STACK = "proof"
PAIRS = {"BTCUSDT", "ETHBTC", "usdm:BTCUSDT"}
OTHERS = {
    "Symbols": "ETH/BTC",
    "UsdmSymbols": "",
    "Levels": "3",
    "Limit": "100",
    "IntervalSeconds": "30",
    "RetentionDays": "30",
    "LogRetentionDays": "7",
    "AlarmEmail": "c@d.example",
    "Dashboard": "false",
    "MemorySize": "512",
}  # another value of every parameter but ExistingTable
Outputs = dict[str, str]


def slots(account: Account, table: str) -> dict[str, set[str]]:
    """The slots of each pair in a table."""
    found: dict[str, set[str]] = {}
    for item in account.items(table):
        found.setdefault(item["pair"]["S"], set()).add(item["slot"]["S"])
    return found


@pytest.fixture(scope="module")
def outputs(account: Account) -> Outputs:
    """The outputs of a stack of both markets at 60 s."""
    given = {"Symbols": "BTC,ETH/BTC", "UsdmSymbols": "BTC", "AlarmEmail": "a@b.example"}
    return account.deploy(STACK, **given)


@pytest.fixture(scope="module")
def timers(account: Account) -> Outputs:
    """The outputs of a stack of both markets at 5 s, with a table of its own."""
    return account.deploy("timers", Symbols="BTC,ETH/BTC", UsdmSymbols="BTC", IntervalSeconds="5", Dashboard="false")


def test_every_resource_comes_up_but_the_timers(outputs: Outputs, account: Account, resources: dict[str, Any]) -> None:
    assert account.resources(STACK) == dict.fromkeys(resources.keys() - {"Timers", "TimerSource"}, "CREATE_COMPLETE")


def test_an_invocation_stores_both_markets_at_one_moment(outputs: Outputs, account: Account) -> None:
    answer = account.target(STACK).invoke(outputs["FunctionName"], {})
    assert answer["stored"] + answer["duplicates"] == 3
    records = {item["pair"]["S"]: record_from_item(item) for item in account.items(outputs["TableName"])}
    assert records.keys() == PAIRS
    assert len({item["slot"]["S"] for item in account.items(outputs["TableName"])}) == 1
    events = account.client("logs").filter_log_events(logGroupName=outputs["LogGroupName"])["events"]
    assert {record.to_line() for record in records.values()} <= {event["message"].rstrip() for event in events}
    assert outputs["ReadHistory"].endswith(f"history --table {outputs['TableName']}@{REGION} --symbol BTC")


def test_role(outputs: Outputs, account: Account) -> None:
    """The function may put into this table, and do nothing else."""
    table, key = outputs["TableName"], {"pair": {"S": "TEST"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
    dynamodb = account.client_as(account.role_of(outputs["FunctionName"]), "dynamodb")
    dynamodb.put_item(TableName=table, Item=key)
    for call, parameters in (
        (dynamodb.get_item, {"TableName": table, "Key": key}),
        (dynamodb.scan, {"TableName": table}),
        (dynamodb.delete_item, {"TableName": table, "Key": key}),
        (dynamodb.put_item, {"TableName": "another", "Item": key}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(**parameters)
    account.client("dynamodb").delete_item(TableName=table, Key=key)


def test_an_event_that_fails_reaches_the_queue_with_its_error(outputs: Outputs, account: Account) -> None:
    event = {"scheduled_time": "no time"}
    function = outputs["FunctionName"]
    account.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
    body = account.failure(outputs["FailuresUrl"])
    assert body["requestPayload"] == event
    assert "the event's time is 'no time'" in body["responsePayload"]["errorMessage"]


def test_timers_sample_every_slot_of_both_markets_in_time(timers: Outputs, account: Account) -> None:
    """Events for the running minute and for the next one, each sent twice: every slot comes once."""
    table, started = timers["TableName"], time.time()
    for scheduled in (started - 60, started) * 2:
        event = {"scheduled_time": format_timestamp(scheduled // 60 * 60)}
        answer = account.target("timers").invoke(timers["FunctionName"], event)
        assert answer == {"stored": 0, "duplicates": 0, "skipped": 0}
    until(lambda: len(slots(account, table).get("BTCUSDT", ())) >= 3)
    found = slots(account, table)
    assert found.keys() == PAIRS
    times = sorted(parse_timestamp(slot) for slot in found["BTCUSDT"])
    assert times == list(range(times[0], times[-1] + 5, 5))
    records = [(item["slot"]["S"], record_from_item(item)) for item in account.items(table)]
    lags = [
        parse_timestamp(f"{record.received_at[:19]}Z") + int(record.received_at[20:23]) / 1000 - parse_timestamp(slot)
        for slot, record in records
        if record.received_at and parse_timestamp(slot) > started + 5
    ]
    print(f"lags of timers: {sorted(round(lag, 2) for lag in lags)}")
    assert all(0 <= lag < 5 for lag in lags)


def test_every_parameter_changed(outputs: Outputs, timers: Outputs, account: Account, sam_template: Any) -> None:
    """It keeps the table, and two stacks share another."""
    changed = OTHERS | {"ExistingTable": timers["TableName"]}
    assert changed.keys() == sam_template["Parameters"].keys()
    shared = account.deploy(STACK, **changed)
    assert shared["TableName"] == timers["TableName"]
    assert {"Timers", "TimerSource"} < account.resources(STACK).keys()
    answer = account.target(STACK).invoke(shared["FunctionName"], {})
    assert answer["stored"] + answer["duplicates"] == 1
    assert slots(account, outputs["TableName"]).keys() == PAIRS  # nobody writes into it any more


def test_deleted_and_deployed_again_a_stack_goes_on_in_its_table(outputs: Outputs, account: Account) -> None:
    before = slots(account, outputs["TableName"])
    account.delete(STACK)
    groups = account.client("logs").describe_log_groups()["logGroups"]
    assert outputs["LogGroupName"] in {group["logGroupName"] for group in groups}
    again = account.deploy(STACK, Symbols="BTC", ExistingTable=outputs["TableName"])
    assert "Records" not in account.resources(STACK)
    assert account.target(STACK).invoke(again["FunctionName"], {})["skipped"] == 0
    after = slots(account, outputs["TableName"])
    assert all(before[pair] <= after[pair] for pair in before)


@pytest.mark.parametrize(
    ("region", "name", "value", "message"),
    [
        (REGION, "Symbols", ",".join(["BTCUSDT"] * 400), "deploy the other pairs as a second stack"),
        (REGION, "Symbols", "", "nothing would be sampled"),
        ("us-east-1", "UsdmSymbols", "BTC", "futures do not serve the US"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(
    account: Account, sam_template: Any, region: str, name: str, value: str, message: str
) -> None:
    """By CloudFormation, from the parameters and rules of the template alone."""
    checked = {section: sam_template[section] for section in ("Parameters", "Rules")}
    template = json.dumps(checked | {"Resources": {"None": {"Type": "AWS::SQS::Queue"}}})
    parameters = [{"ParameterKey": name, "ParameterValue": value}]
    with (
        aws_client("cloudformation", account.url, region=region) as formation,
        pytest.raises(ClientError, match=message),
    ):
        formation.create_stack(StackName="refused", TemplateBody=template, Parameters=parameters)
