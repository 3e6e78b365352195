"""What the function promises whoever deploys it: each test runs it in a container of its own, against real servers."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.container import ROOT, Container, FunctionError
from support.fakes import StartExchange
from support.servers import aws_client, create_table, moto

from handler.record import DETAIL_KEYS, KEYS, Record
from handler.slots import format_timestamp
from handler.stores.items import record_from_item

EVENTS = ROOT / "infra/events"
StartContainer = Callable[..., Container]


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
def start_container(start_exchange: StartExchange, table: str, url: str, tmp_path: Path) -> Iterator[StartContainer]:
    """Start a container that samples BTCUSDT of an exchange which fails by this script; OBI_… may be given."""
    with ExitStack() as running:

        def start(*script: str, **environment: str) -> Container:
            base = {"OBI_SYMBOLS": "BTC", "OBI_TABLE": table, "AWS_ENDPOINT_URL_DYNAMODB": url}
            base["OBI_BASE_URL"] = start_exchange(*script).url
            container = Container(tmp_path / "log", **base | environment)
            running.callback(container.close)
            return container

        yield start


def this_minute() -> dict[str, str]:
    """The schedule's event for the running minute, or for the next one where too little of it is left for a test."""
    if (late := time.time() % 60) > 50:
        time.sleep(60 - late)
    return {"scheduled_time": format_timestamp(time.time() // 60 * 60), "execution_id": "e-1"}


def stored(dynamodb: Any, table: str) -> list[Record]:
    return [record_from_item(item) for item in dynamodb.scan(TableName=table)["Items"]]


def warnings(container: Container) -> list[str]:
    return [line["message"] for line in container.lines if line.get("level") == "WARNING"]


def test_a_minute_is_sampled_and_stored(start_container: StartContainer, dynamodb: Any, table: str) -> None:
    event = this_minute()
    assert start_container().invoke(event) == {"stored": 1, "duplicates": 0, "skipped": 0}
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert item["slot"] == {"S": event["scheduled_time"]}
    assert record_from_item(item).obi == 0.491184


def test_a_second_delivery_is_a_success_and_counted(start_container: StartContainer, dynamodb: Any, table: str) -> None:
    container, event = start_container(), this_minute()
    container.invoke(event)
    first = stored(dynamodb, table)
    assert container.invoke(event) == {"stored": 0, "duplicates": 1, "skipped": 0}
    assert stored(dynamodb, table) == first


def test_the_record_is_printed_bare_with_every_detail_and_is_what_the_table_holds(
    start_container: StartContainer, dynamodb: Any, table: str
) -> None:
    container = start_container()
    container.invoke(this_minute())
    assert container.record_lines == [record.to_line(detail=True) for record in stored(dynamodb, table)]
    assert list(json.loads(container.record_lines[0])) == [*KEYS, *DETAIL_KEYS]


def test_the_record_is_printed_though_the_table_fails_and_the_invocation_fails(start_container: StartContainer) -> None:
    container = start_container(OBI_TABLE="missing")
    with pytest.raises(FunctionError, match=r"HandlerError: .*missing"):
        container.invoke(this_minute())
    assert [Record.from_line(line).obi for line in container.record_lines] == [0.491184]


def test_a_rejected_pair_is_counted_and_logged_once_and_the_others_are_stored(
    start_container: StartContainer, dynamodb: Any, table: str
) -> None:
    container = start_container(OBI_SYMBOLS="NONE,BTC", OBI_LEVELS="1,5")
    assert container.invoke(this_minute()) == {"stored": 2, "duplicates": 0, "skipped": 0}
    container.invoke(this_minute())
    assert {(record.symbol, record.levels) for record in stored(dynamodb, table)} == {("BTCUSDT", 1), ("BTCUSDT", 5)}
    [warning] = warnings(container)
    assert "NONEUSDT: " in warning
    assert "Invalid symbol" in warning
    assert [line["Rejected"] for line in container.lines if "_aws" in line] == [[2.0], [2.0]]


def test_an_event_that_is_old_samples_the_running_minute(
    start_container: StartContainer, dynamodb: Any, table: str
) -> None:
    minute = this_minute()["scheduled_time"]
    answer = start_container().invoke({"scheduled_time": "2026-11-22T10:00:00Z"})
    assert answer == {"stored": 1, "duplicates": 0, "skipped": 0}
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert item["slot"] == {"S": minute}


def test_an_empty_book_is_skipped_with_a_warning_and_not_stored(
    start_container: StartContainer, dynamodb: Any, table: str
) -> None:
    container = start_container("empty")
    assert container.invoke(this_minute()) == {"stored": 0, "duplicates": 0, "skipped": 1}
    assert warnings(container) == ["BTCUSDT: the order book is empty"]
    assert stored(dynamodb, table) == []


def test_a_ban_that_outlasts_the_slot_fails_the_invocation_at_once(start_container: StartContainer) -> None:
    with pytest.raises(FunctionError, match=r"BTCUSDT: .*429.*no request for another 100 s"):
        start_container("429=100").invoke(this_minute())


def test_a_hung_exchange_is_given_up_within_the_time_of_the_function(start_container: StartContainer) -> None:
    with pytest.raises(FunctionError, match="BTCUSDT: no book before its slot was over"):
        start_container("hang*").invoke(this_minute(), seconds=2.0)


def test_without_a_time_the_running_minute_is_sampled(start_container: StartContainer) -> None:
    this_minute()
    assert start_container().invoke({}) == {"stored": 1, "duplicates": 0, "skipped": 0}


def test_the_event_of_a_rule_is_understood_too(start_container: StartContainer) -> None:
    rule = json.loads((EVENTS / "rule.json").read_text()) | {"time": this_minute()["scheduled_time"]}
    assert start_container().invoke(rule) == {"stored": 1, "duplicates": 0, "skipped": 0}


@pytest.mark.parametrize("name", ["scheduled.json", "rule.json", "console.json"])
def test_every_sample_event_is_understood(start_container: StartContainer, name: str) -> None:
    answer = start_container().invoke(json.loads((EVENTS / name).read_text()))
    assert sum(answer.values()) == 1


@pytest.mark.parametrize("time", ["no", "<aws.scheduler.scheduled-time>", "2026-11-22T10:00:00", "", 1795262400])
def test_a_time_that_is_none_is_refused_in_words(start_container: StartContainer, time: object) -> None:
    with pytest.raises(FunctionError, match=r"UsageError: the event's time is .*: send scheduled_time as"):
        start_container().invoke({"scheduled_time": time})


def test_a_container_that_failed_samples_the_next_time(start_container: StartContainer) -> None:
    container = start_container("429=1", "ok")
    with pytest.raises(FunctionError, match="no request for another"):
        container.invoke(this_minute(), seconds=0.9)
    assert container.invoke(this_minute()) == {"stored": 1, "duplicates": 0, "skipped": 0}


def test_the_metrics_count_what_became_of_the_samples_and_name_no_pair(start_container: StartContainer) -> None:
    container = start_container(OBI_SYMBOLS="BTC,NONE")
    container.invoke(this_minute())
    (metrics,) = [line for line in container.lines if "_aws" in line]
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "OrderBookImbalance"
    assert directive["Dimensions"] == [["service"]]
    assert metrics["service"] == "local"  # in Lambda the name of the function, so that two stacks are told apart
    names = ("Sampled", "Stored", "StoredSlots", "Duplicates", "Skipped", "Rejected", "FetchFailures", "StoreFailures")
    assert [metrics[name] for name in names] == [[1], [1], [1], [0], [0], [1], [0], [0]]
    assert {"LagSeconds", "UsedWeight"} < metrics.keys()
    assert "BTCUSDT" not in json.dumps(metrics)


def test_log_lines_carry_the_execution_of_the_schedule(start_container: StartContainer) -> None:
    container = start_container("empty")
    container.invoke(this_minute())
    assert [line["correlation_id"] for line in container.lines if line.get("level") == "WARNING"] == ["e-1"]


def test_log_lines_have_a_timestamp_that_lambda_reads(start_container: StartContainer) -> None:
    """In RFC 3339. Lambda takes a line with another one for level INFO."""
    container = start_container("empty")
    container.invoke({})
    (timestamp,) = [line["timestamp"] for line in container.lines if line.get("level") == "WARNING"]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}(Z|[+-]\d{2}:\d{2})", timestamp)


@pytest.mark.parametrize("disabled", ["true", "false"])
def test_without_custom_metrics_it_prints_none_however_long_it_runs(
    start_container: StartContainer, disabled: str
) -> None:
    container = start_container(POWERTOOLS_METRICS_DISABLED=disabled)
    for _ in range(101):
        container.invoke({})
    metric_lines = [line for line in container.lines if "_aws" in line]
    assert len(metric_lines) == (0 if disabled == "true" else 101)


def test_a_refusal_says_that_the_quote_asset_was_appended(start_container: StartContainer) -> None:
    container = start_container(OBI_SYMBOLS="BTCUSDC")
    assert container.invoke({}) == {"stored": 0, "duplicates": 0, "skipped": 0}
    [warning] = warnings(container)
    assert re.search(r"USDT was appended to BTCUSDC: .* write BTC/USDC", warning)
