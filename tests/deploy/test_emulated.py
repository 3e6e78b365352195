"""The artifact that was built, under AWS's own Runtime Interface Emulator, against a stand-in exchange and DynamoDB."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.fakes import BOOK
from support.listening import assert_only_loopback
from support.servers import aws_client, create_table, moto

from deploy.emulator import Emulator, emulate
from deploy.tools import RUNTIME
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.items import record_from_item
from infra.fake_exchange import FakeExchange

StartFunction = Callable[..., Emulator]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as found:
        yield found


@pytest.fixture
def dynamodb(url: str) -> Iterator[Any]:
    with aws_client("dynamodb", url) as client:
        yield client


@pytest.fixture
def table(dynamodb: Any) -> str:
    return create_table(dynamodb)


@pytest.fixture
def start_function(runnable: Path, table: str, url: str, tmp_path: Path) -> Iterator[StartFunction]:
    """Start the artifact, sampling BTCUSDT of an exchange that fails by this script."""
    with ExitStack() as servers:

        def start(*script: str, timeout_seconds: int = 75, **variables: str) -> Emulator:
            exchange = servers.enter_context(FakeExchange(symbols=(), books={"BTCUSDT": BOOK}, script=script))
            base = {"OBI_SYMBOLS": "BTC", "OBI_TABLE": table, "OBI_BASE_URL": exchange.url}
            base["AWS_ENDPOINT_URL_DYNAMODB"] = url
            return servers.enter_context(
                emulate(runnable, tmp_path, timeout_seconds=timeout_seconds, **base | variables)
            )

        yield start


def this_minute() -> dict[str, str]:
    """The schedule's event for the running minute, or for the next one where too little of it is left for a test."""
    if (late := time.time() % 60) > 45:
        time.sleep(60 - late)
    return {"scheduled_time": format_timestamp(time.time() // 60 * 60), "execution_id": "e-1"}


def test_it_runs_on_the_python_of_lambda(sam_template: Any) -> None:
    code = "import sys; print('python%d.%d' % sys.version_info[:2])"
    ours = subprocess.run([RUNTIME, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    lambdas = sam_template["Resources"]["SamplerFunction"]["Properties"]["Runtime"]
    if ours != lambdas:
        pytest.skip(
            f"no {lambdas} on this machine: the artifact is tried on {ours} instead, which proves a little less"
        )
    assert ours == lambdas


def test_a_minute_is_stored_and_its_second_delivery_is_a_duplicate(
    start_function: StartFunction, dynamodb: Any, table: str
) -> None:
    function, event = start_function(), this_minute()
    assert function.invoke(event) == {"stored": 1, "duplicates": 0, "skipped": 0}
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert function.record_lines == [record_from_item(item).to_line(detail=True)]
    assert function.invoke(event) == {"stored": 0, "duplicates": 1, "skipped": 0}
    assert dynamodb.scan(TableName=table)["Items"] == [item]


def test_nothing_that_runs_here_can_be_reached_from_another_machine(start_function: StartFunction, url: str) -> None:
    function = start_function()
    function.invoke(this_minute())
    assert_only_loopback(url, function.url)


def test_the_log_holds_metrics_for_cloudwatch_and_nothing_that_is_not_ours(start_function: StartFunction) -> None:
    function = start_function()
    function.invoke(this_minute())
    assert '"CloudWatchMetrics":[{"Namespace":"OrderBookImbalance","Dimensions":[["service"]]' in function.log
    assert "Found credentials" not in function.log


def test_a_ban_that_outlasts_the_slot_is_an_error(start_function: StartFunction) -> None:
    answer = start_function("429=100").invoke(this_minute())
    assert answer["errorType"] == "HandlerError"
    assert "HTTP 429" in answer["errorMessage"]


def test_a_hung_exchange_ends_in_an_error_of_ours_before_the_timeout_kills_the_function(
    start_function: StartFunction,
) -> None:
    function = start_function("hang*", timeout_seconds=4)
    answer = function.invoke(this_minute())
    assert answer["errorType"] == "HandlerError"
    assert "no book before its slot was over" in answer["errorMessage"]
    assert "timed out after" not in function.log


def test_a_failing_table_costs_an_error_but_not_the_record(start_function: StartFunction) -> None:
    function = start_function(OBI_TABLE="missing")
    answer = function.invoke(this_minute())
    assert answer["errorType"] == "HandlerError"
    assert "table missing: ResourceNotFoundException" in answer["errorMessage"]
    assert [Record.from_line(line).obi for line in function.record_lines] == [0.491184]


def test_a_table_that_hangs_ends_in_an_error_of_ours_before_the_timeout_kills_the_function(
    start_function: StartFunction,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:  # the kernel accepts, but nobody answers
        url = f"http://127.0.0.1:{hung.getsockname()[1]}"
        function = start_function(timeout_seconds=8, AWS_ENDPOINT_URL_DYNAMODB=url)
        answer = function.invoke(this_minute())
    assert answer["errorType"] == "HandlerError"
    assert "table" in answer["errorMessage"]
    assert len(function.record_lines) == 1


def test_invalid_time_is_rejected(start_function: StartFunction) -> None:
    answer = start_function().invoke({"scheduled_time": "<aws.scheduler.scheduled-time>"})
    assert answer["errorType"] == "UsageError"
    assert "send scheduled_time as YYYY-MM-DDThh:mm:ssZ" in answer["errorMessage"]


def test_invalid_settings_are_reported_at_start(start_function: StartFunction) -> None:
    answer = start_function(OBI_LEVELS="0").invoke(this_minute())
    assert answer["errorType"] == "UsageError"
    assert "OBI_LEVELS 0 is not a whole number from 1 to 5000" in answer["errorMessage"]
