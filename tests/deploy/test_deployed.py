"""`sam deploy` of the real template, into an emulator of AWS that enforces IAM policies."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.listening import assert_only_loopback
from support.servers import AWS, aws_client, free_port, running

from deploy.emulator import emulate
from deploy.scheduler import rendering
from deploy.tools import MINISTACK, ROOT, SAM, run
from handler.slots import parse_timestamp
from handler.stores.items import record_from_item
from infra.fake_exchange import FakeExchange

STACK = "proof"
PARAMETERS = ("Symbols=BTC,BTC/USDT", "Levels=1,5", "AlarmEmail=a@b.example")
MAX_WAIT_SECONDS = 150.0
"""The emulator checks every 10 s whether a schedule is due, and the current minute may be stored already."""
Clients = Callable[[str], Any]
Deploy = Callable[..., str]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The emulator's URL."""
    directory, port = tmp_path_factory.mktemp("aws"), free_port()
    settings = {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    settings |= {"TMPDIR": str(directory), "STATE_DIR": str(directory / "state")}
    settings |= {"IOT_MTLS_ENABLED": "0", "SFTP_HOST": "127.0.0.1"}  # which listen on every address, whatever BIND_HOST
    with running([MINISTACK], port, directory / "log", cwd=directory, **AWS, **settings):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def deploy(aws: str, built: Path, live_exchange: FakeExchange, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Deploy what was built, as a user does, with parameters beside the exchange's URL; gives what sam printed."""
    home = str(tmp_path_factory.mktemp("home"))
    command: list[str | Path] = [
        SAM,
        "deploy",
        "--config-file",
        ROOT / "samconfig.toml",
        "--template-file",
        built / "template.yaml",
    ]
    command += ["--no-confirm-changeset", "--parameter-overrides", f"BaseUrls={live_exchange.url}"]

    def deploy(*parameters: str, stack: str = STACK) -> str:
        return run(*command, *(parameters or PARAMETERS), "--stack-name", stack, AWS_ENDPOINT_URL=aws, HOME=home)

    return deploy


@pytest.fixture(scope="module")
def clients(aws: str) -> Iterator[Clients]:
    with ExitStack() as opened:
        yield cache(lambda service: opened.enter_context(aws_client(service, aws)))


@pytest.fixture(scope="module")
def outputs(deploy: Deploy, clients: Clients) -> dict[str, str]:
    """The outputs of the stack, once it is up."""
    deploy()
    return outputs_of(STACK, clients)


def outputs_of(name: str, clients: Clients) -> dict[str, str]:
    """The outputs of a stack that has just been created."""
    (stack,) = clients("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def items(clients: Clients, outputs: dict[str, str]) -> list[Any]:
    return list(clients("dynamodb").scan(TableName=outputs["TableName"])["Items"])


def test_every_resource_of_the_templates_comes_up(
    outputs: dict[str, str], clients: Clients, resources: dict[str, Any]
) -> None:
    cloudformation = clients("cloudformation")
    found = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    (monitoring,) = [each["PhysicalResourceId"] for each in found if each["LogicalResourceId"] == "Monitoring"]
    found += cloudformation.list_stack_resources(StackName=monitoring)["StackResourceSummaries"]
    assert {each["LogicalResourceId"]: each["ResourceStatus"] for each in found} == dict.fromkeys(
        resources, "CREATE_COMPLETE"
    )


def test_an_invocation_stores_a_record_of_each_depth_under_the_role_of_the_function(
    outputs: dict[str, str], clients: Clients
) -> None:
    answer = clients("lambda").invoke(FunctionName=outputs["FunctionName"], Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"stored": 2, "duplicates": 0, "skipped": 0}
    lines = [record_from_item(item).to_line(detail=True) for item in items(clients, outputs)]
    events = clients("logs").filter_log_events(logGroupName=outputs["FollowLog"].split()[3])["events"]
    assert set(lines) <= {event["message"].rstrip() for event in events}


def test_the_role_of_the_function_may_put_into_this_table_and_do_nothing_else(
    outputs: dict[str, str], clients: Clients, aws: str
) -> None:
    role = clients("lambda").get_function(FunctionName=outputs["FunctionName"])["Configuration"]["Role"]
    lent = clients("sts").assume_role(RoleArn=role, RoleSessionName="proof")["Credentials"]
    keys = {"aws_access_key_id": lent["AccessKeyId"], "aws_secret_access_key": lent["SecretAccessKey"]}
    table, key = outputs["TableName"], {"series": {"S": "TEST#5"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
    with aws_client("dynamodb", aws, **keys, aws_session_token=lent["SessionToken"]) as dynamodb:
        dynamodb.put_item(TableName=table, Item=key)
        for call, parameters in (
            (dynamodb.get_item, {"TableName": table, "Key": key}),
            (dynamodb.scan, {"TableName": table}),
            (dynamodb.delete_item, {"TableName": table, "Key": key}),
            (dynamodb.put_item, {"TableName": "another", "Item": key}),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                call(**parameters)
    clients("dynamodb").delete_item(TableName=table, Key=key)


def test_an_event_that_fails_reaches_the_queue_with_its_error(outputs: dict[str, str], clients: Clients) -> None:
    event = {"scheduled_time": "no time"}
    clients("lambda").invoke(
        FunctionName=outputs["FunctionName"], InvocationType="Event", Payload=json.dumps(event).encode()
    )
    message = json.loads(_first_message(clients("sqs"), outputs["FailuresUrl"]))
    assert message["requestPayload"] == event
    assert "the event's time is 'no time'" in message["responsePayload"]["errorMessage"]


def _first_message(sqs: Any, url: str) -> str:
    for _ in range(30):
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ()):
            return str(message["Body"])
    raise AssertionError("no message came in 30 s")


def test_alarms_are_mailed_to_the_address_that_was_given(outputs: dict[str, str], clients: Clients) -> None:
    found = clients("sns").list_subscriptions_by_topic(TopicArn=outputs["AlarmTopicArn"])["Subscriptions"]
    assert [(each["Protocol"], each["Endpoint"]) for each in found] == [("email", "a@b.example")]


def test_the_dashboard_offers_every_pair_and_depth(outputs: dict[str, str], clients: Clients) -> None:
    name = outputs["DashboardUrl"].rpartition("/")[2]
    dashboard = json.loads(clients("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    assert [variable["values"] for variable in dashboard["variables"]] == [
        [{"value": "BTC"}, {"value": "BTCUSDT"}],
        [{"value": "levels = 1 and not ispresent(bps)"}, {"value": "levels = 5 and not ispresent(bps)"}],
    ]


def test_a_second_deployment_changes_nothing(outputs: dict[str, str], deploy: Deploy) -> None:
    assert "No changes to deploy" in deploy()


def test_a_stack_of_futures_stores_their_distances(deploy: Deploy, clients: Clients) -> None:
    deploy("Symbols=BTC", "Market=usdm", 'Levels=""', "Bps=10,200", stack="futures")
    outputs = outputs_of("futures", clients)
    answer = clients("lambda").invoke(FunctionName=outputs["FunctionName"], Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"stored": 2, "duplicates": 0, "skipped": 0}
    stored = {item["series"]["S"]: record_from_item(item) for item in items(clients, outputs)}
    assert set(stored) == {"usdm:BTCUSDT@10bps", "usdm:BTCUSDT@200bps"}
    assert [(record.notional_bid, record.covered) for record in stored.values()] == [(0.0, True), (296.0, True)]
    assert all(record.exchange_time for record in stored.values())
    assert outputs["ReadHistory"].endswith("--symbol BTC --quote USDT --market usdm --bps 10,200")


def test_the_schedule_fills_the_table_by_itself(
    outputs: dict[str, str], clients: Clients, runnable: Path, live_exchange: FakeExchange, aws: str, tmp_path: Path
) -> None:
    """The emulator sends <aws.scheduler.scheduled-time> as it is; an adapter on the way writes the time in."""
    before = _slots(clients, outputs)
    with _adapted(clients("lambda"), outputs, runnable, aws, tmp_path):
        assert_only_loopback(aws, live_exchange.url)
        give_up = time.monotonic() + MAX_WAIT_SECONDS
        while _slots(clients, outputs) == before:
            assert time.monotonic() < give_up, "the schedule did not fire"
            time.sleep(0.5)
    (slot,) = _slots(clients, outputs) - before
    assert parse_timestamp(slot) % 60 == 0


def _slots(clients: Clients, outputs: dict[str, str]) -> set[str]:
    return {item["slot"]["S"] for item in items(clients, outputs)}


@contextmanager
def _adapted(client: Any, outputs: dict[str, str], artifact: Path, aws: str, directory: Path) -> Iterator[None]:
    """Let what the schedule starts run under the Runtime Interface Emulator, with the variables that were deployed."""
    name = outputs["FunctionName"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    with emulate(artifact, directory, AWS_ENDPOINT_URL=aws, **variables) as emulator, rendering(emulator.invoke) as url:
        environment = {"Variables": variables | {"MINISTACK_LAMBDA_PROXY_URL": url}}
        client.update_function_configuration(FunctionName=name, Environment=environment)
        yield
