"""`sam deploy` of the real template, into an emulator of AWS that enforces IAM policies."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.listening import assert_only_loopback
from support.servers import aws_client

from deploy.account import STACK, Account
from deploy.emulator import emulate
from deploy.scheduler import rendering
from handler.slots import parse_timestamp
from handler.stores.items import record_from_item
from infra.fake_exchange import FakeExchange

MAX_WAIT_SECONDS = 150.0
"""The emulator checks every 10 s whether a schedule is due, and the current minute may be stored already."""

Outputs = dict[str, str]


def test_every_resource_of_the_templates_comes_up(
    outputs: Outputs, account: Account, resources: dict[str, Any]
) -> None:
    """Those of the archive, which is not switched on here, are not among them."""
    assert account.resources(STACK) == dict.fromkeys(resources.keys() - {"ArchiveStack"}, "CREATE_COMPLETE")


def test_an_invocation_stores_a_record_of_each_depth_under_the_role_of_the_function(
    outputs: Outputs, account: Account
) -> None:
    assert json.loads(account.invoke(outputs)) == {"stored": 2, "duplicates": 0, "skipped": 0}
    lines = [record_from_item(item).to_line(detail=True) for item in account.items(outputs["TableName"])]
    events = account.client("logs").filter_log_events(logGroupName=outputs["LogGroupName"])["events"]
    assert set(lines) <= {event["message"].rstrip() for event in events}


def test_the_role_of_the_function_may_put_into_this_table_and_do_nothing_else(
    outputs: Outputs, account: Account
) -> None:
    role = account.client("lambda").get_function(FunctionName=outputs["FunctionName"])["Configuration"]["Role"]
    lent = account.client("sts").assume_role(RoleArn=role, RoleSessionName="proof")["Credentials"]
    keys = {"aws_access_key_id": lent["AccessKeyId"], "aws_secret_access_key": lent["SecretAccessKey"]}
    table, key = outputs["TableName"], {"series": {"S": "TEST#5"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
    with aws_client("dynamodb", account.url, **keys, aws_session_token=lent["SessionToken"]) as dynamodb:
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
    account.client("lambda").invoke(
        FunctionName=outputs["FunctionName"], InvocationType="Event", Payload=json.dumps(event).encode()
    )
    message = json.loads(_first_message(account.client("sqs"), outputs["FailuresUrl"]))
    assert message["requestPayload"] == event
    assert "the event's time is 'no time'" in message["responsePayload"]["errorMessage"]


def _first_message(sqs: Any, url: str) -> str:
    for _ in range(30):
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ()):
            return str(message["Body"])
    raise AssertionError("no message came in 30 s")


def test_alarms_are_mailed_to_the_address_that_was_given(outputs: Outputs, account: Account) -> None:
    found = account.client("sns").list_subscriptions_by_topic(TopicArn=outputs["AlarmTopicArn"])["Subscriptions"]
    assert [(each["Protocol"], each["Endpoint"]) for each in found] == [("email", "a@b.example")]


def test_the_dashboard_offers_every_pair_and_depth(outputs: Outputs, account: Account) -> None:
    name = outputs["DashboardUrl"].rpartition("/")[2]
    dashboard = json.loads(account.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    assert [variable["values"] for variable in dashboard["variables"]] == [
        [{"value": "BTC"}, {"value": "BTCUSDT"}],
        [{"value": "levels = 1 and not ispresent(bps)"}, {"value": "levels = 5 and not ispresent(bps)"}],
    ]


def test_the_alarm_for_coverage_expects_the_slots_of_the_interval(outputs: Outputs, account: Account) -> None:
    alarms = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    thresholds = {alarm["MetricName"]: alarm["Threshold"] for alarm in alarms}
    assert (thresholds["StoredSlots"], thresholds["UsedWeight"]) == (57, 4800)


def test_a_second_deployment_changes_nothing(outputs: Outputs, account: Account) -> None:
    assert "No changes to deploy" in account.deploy()


def test_a_stack_of_futures_stores_their_distances(account: Account) -> None:
    account.deploy("Symbols=BTC", "Market=usdm", 'Levels=""', "Bps=10,200", stack="futures")
    outputs = account.outputs("futures")
    assert json.loads(account.invoke(outputs)) == {"stored": 2, "duplicates": 0, "skipped": 0}
    stored = {item["series"]["S"]: record_from_item(item) for item in account.items(outputs["TableName"])}
    assert set(stored) == {"usdm:BTCUSDT@10bps", "usdm:BTCUSDT@200bps"}
    assert [(record.notional_bid, record.covered) for record in stored.values()] == [(0.0, True), (296.0, True)]
    assert all(record.exchange_time for record in stored.values())
    assert outputs["ReadHistory"].endswith("--symbol BTC --quote USDT --market usdm --bps 10,200")


def test_the_schedule_fills_the_table_by_itself(
    outputs: Outputs, account: Account, runnable: Path, live_exchange: FakeExchange, tmp_path: Path
) -> None:
    """The emulator sends <aws.scheduler.scheduled-time> as it is; an adapter on the way writes the time in."""
    before = _slots(account, outputs)
    with _adapted(account, outputs, runnable, tmp_path):
        assert_only_loopback(account.url, live_exchange.url)
        give_up = time.monotonic() + MAX_WAIT_SECONDS
        while _slots(account, outputs) == before:
            assert time.monotonic() < give_up, "the schedule did not fire"
            time.sleep(0.5)
    (slot,) = _slots(account, outputs) - before
    assert parse_timestamp(slot) % 60 == 0


def _slots(account: Account, outputs: Outputs) -> set[str]:
    return {item["slot"]["S"] for item in account.items(outputs["TableName"])}


@contextmanager
def _adapted(account: Account, outputs: Outputs, artifact: Path, directory: Path) -> Iterator[None]:
    """Let what the schedule starts run under the Runtime Interface Emulator, with the variables that were deployed."""
    client, name = account.client("lambda"), outputs["FunctionName"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    with (
        emulate(artifact, directory, AWS_ENDPOINT_URL=account.url, **variables) as emulator,
        rendering(emulator.invoke) as url,
    ):
        environment = {"Variables": variables | {"MINISTACK_LAMBDA_PROXY_URL": url}}
        client.update_function_configuration(FunctionName=name, Environment=environment)
        yield
