"""What the function promises whoever deploys it: each test runs it in a container of its own, against real servers."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.container import ROOT, Container, FunctionError, this_minute, this_slot
from support.fakes import StartExchange
from support.servers import aws_client
from support.tables import StoredTable

from handler.record import FULL_KEYS, Record
from handler.slots import format_timestamp, parse_timestamp

EVENTS = ROOT / "infra/events"
StartContainer = Callable[..., Container]


@pytest.fixture
def start_container(start_exchange: StartExchange, stored: StoredTable, moto_url: str) -> Iterator[StartContainer]:
    """Start a container that samples BTCUSDT of an exchange which fails by this script; variables may be given."""
    with ExitStack() as running:

        def start(*script: str, **environment: str) -> Container:
            base = {"OBI_SYMBOLS": "BTC", "OBI_TABLE": stored.name, "AWS_ENDPOINT_URL": moto_url}
            base["OBI_BASE_URL"] = start_exchange(*script, symbols=("ETHUSDT", "BNBUSDT"), clock=time.time).url
            container = Container(**base | environment)
            running.callback(container.close)
            return container

        yield start


def by_pair(stored: StoredTable) -> dict[str, Record]:
    return {record.pair: record for record in stored.records()}


def messages(container: Container, level: str = "WARNING") -> list[str]:
    return [line["message"] for line in container.lines if line.get("level") == level]


def metrics(container: Container) -> list[dict[str, Any]]:
    return [line for line in container.lines if "_aws" in line]


def timer(slot: float) -> dict[str, Any]:
    """The event of a timer's message, as SQS delivers it."""
    return {"Records": [{"eventSource": "aws:sqs", "body": json.dumps({"slot": format_timestamp(slot)})}]}


def test_minute(start_container: StartContainer, stored: StoredTable) -> None:
    """A minute is stored once, and printed as it is stored."""
    container, event = start_container(OBI_SYMBOLS="BTC,usdm:BTC"), this_minute()
    assert container.invoke(event) == {"stored": 2, "duplicates": 0, "skipped": 0}
    records = by_pair(stored)
    assert records.keys() == {"BTCUSDT", "usdm:BTCUSDT"}
    assert sorted(container.record_lines) == sorted(record.to_line() for record in records.values())
    assert list(json.loads(container.record_lines[0])) == list(FULL_KEYS)
    assert container.invoke(event) == {"stored": 0, "duplicates": 2, "skipped": 0}
    assert by_pair(stored) == records
    [item, _] = stored.items()
    assert item["slot"] == {"S": event["scheduled_time"]}


def test_rejected_pair(start_container: StartContainer, stored: StoredTable) -> None:
    """It is stored as such, logged once, and fails nothing; metrics count the others, and name no pair."""
    container = start_container(OBI_SYMBOLS="BTCUSDC,BTC,usdm:BTC")
    assert container.invoke(this_minute()) == {"stored": 2, "duplicates": 0, "skipped": 0}
    container.invoke(this_minute())
    assert by_pair(stored)["BTCUSDCUSDT"].reason == "rejected"
    [warning] = messages(container)
    assert re.search(r"rejected: .*BTCUSDCUSDT.*another quote asset than USDT is written .* such as BTC/USDC", warning)
    found, _ = metrics(container)
    [directive] = found["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("OrderBookImbalance", [["service"]])
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert names == {"StoredShare", "Failures", "LagSeconds", "UsedWeight"}
    assert found["service"] == "local"  # in Lambda the name of the function, so that two stacks are told apart
    assert (found["StoredShare"], found["Failures"]) == ([1], [0])
    assert 0 <= found["LagSeconds"][0] < 60
    assert [0 < share <= 100 for share in found["UsedWeight"]] == [True, True]
    assert "BTCUSDT" not in json.dumps(found)


def test_if_every_pair_is_rejected_no_slot_counts_as_stored(start_container: StartContainer) -> None:
    container = start_container(OBI_SYMBOLS="NONE")
    assert container.invoke(this_minute()) == {"stored": 0, "duplicates": 0, "skipped": 0}
    assert [found["StoredShare"] for found in metrics(container)] == [[0]]


def test_empty_book(start_container: StartContainer, stored: StoredTable) -> None:
    """It is skipped with a warning, and its reason is stored."""
    container = start_container("empty")
    assert container.invoke(this_minute()) == {"stored": 0, "duplicates": 0, "skipped": 1}
    assert by_pair(stored)["BTCUSDT"].reason == "empty book"
    [line] = [line for line in container.lines if line.get("level") == "WARNING"]
    assert (line["message"], line["correlation_id"]) == ("empty book: BTCUSDT: the order book is empty", "e-1")
    # In RFC 3339: Lambda takes a line with another timestamp for level INFO.
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}(Z|[+-]\d{2}:\d{2})", line["timestamp"])


@pytest.mark.parametrize(
    ("script", "seconds", "reason"), [("429=100", 30.0, "rate limited"), ("hang*", 2.0, "timeout")]
)
def test_a_sample_that_fails_fails_the_invocation_and_its_reason_is_stored(
    start_container: StartContainer, stored: StoredTable, script: str, seconds: float, reason: str
) -> None:
    """In time: before the function's timeout. The next invocation of the container works."""
    container = start_container(script)
    with pytest.raises(FunctionError, match=r"HandlerError: 1 failure\(s\), the first: .*BTCUSDT"):
        container.invoke(this_minute(), seconds=seconds)
    found = by_pair(stored)["BTCUSDT"]
    assert (found.reason, parse_timestamp(found.timestamp) % 60) == (reason, 0)
    assert container.record_lines == []
    assert [found["Failures"] for found in metrics(container)] == [[1]]


def test_the_record_is_printed_though_the_table_fails_and_the_invocation_fails(start_container: StartContainer) -> None:
    container = start_container(OBI_TABLE="missing")
    with pytest.raises(FunctionError, match=r"HandlerError: 1 failure.*table missing"):
        container.invoke(this_minute())
    assert [Record.from_line(line).obi for line in container.record_lines] == [0.491184]
    assert "1 record(s) not stored: table missing" in messages(container, "ERROR")[0]


def test_by_hand_or_late(start_container: StartContainer, stored: StoredTable) -> None:
    """The current slot is sampled; every event of infra/events is understood."""
    examples = [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]
    assert len(examples) == 3
    container, minute = start_container(), this_minute()["scheduled_time"]
    for number, event in enumerate([{}, {"scheduled_time": "2026-11-22T10:00:00Z"}, None, *examples]):
        assert container.invoke(event) == {"stored": int(number == 0), "duplicates": int(number > 0), "skipped": 0}
    [item] = stored.items()
    assert item["slot"] == {"S": minute}


def test_event_below_a_minute(start_container: StartContainer, moto_url: str, stored: StoredTable) -> None:
    """It plans the next minute, and samples nothing."""
    with aws_client("sqs", moto_url) as sqs:
        url = sqs.create_queue(QueueName=stored.name)["QueueUrl"]
        container = start_container(OBI_INTERVAL_SECONDS="5", OBI_TIMERS_URL=url)
        minute = time.time() // 60 * 60 - 60  # the event is a minute late, so that its timers are due soon
        answer = container.invoke({"scheduled_time": format_timestamp(minute)})
        over = int((time.time() - minute - 60) // 5)
        sent = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=6, MaxNumberOfMessages=1)["Messages"]
    assert (answer, by_pair(stored)) == ({"stored": 0, "duplicates": 0, "skipped": 0}, {})
    assert int(sent["ApproximateNumberOfMessages"]) + int(sent["ApproximateNumberOfMessagesDelayed"]) in (
        12 - over, 13 - over
    )  # fmt: skip
    assert parse_timestamp(json.loads(message["Body"])["slot"]) - minute - 60 in range(0, 60, 5)
    assert metrics(container) == []


def test_timers_that_cannot_be_sent_fail_the_event(start_container: StartContainer, moto_url: str) -> None:
    container = start_container(OBI_INTERVAL_SECONDS="30", OBI_TIMERS_URL=f"{moto_url}/123456789012/none")
    with pytest.raises(FunctionError, match=r"StoreError: the timers' queue: .*may not be planned"):
        container.invoke(this_minute())
    assert container.invoke({})["stored"] == 1  # a sample by hand needs no queue


def test_timer(start_container: StartContainer, stored: StoredTable) -> None:
    """It samples its slot, waits if early, and skips what is over."""
    container = start_container(OBI_INTERVAL_SECONDS="5", OBI_TIMERS_URL="unused")
    slot = time.time() // 5 * 5 + 5  # the next one
    assert container.invoke(timer(slot), seconds=30) == {"stored": 1, "duplicates": 0, "skipped": 0}
    [item] = stored.items()
    assert item["slot"] == {"S": format_timestamp(slot)}
    assert container.invoke(timer(slot))["duplicates"] + container.invoke(timer(slot))["duplicates"] >= 1
    for other in (slot - 60, slot + 60, slot + 1):
        assert container.invoke(timer(other)) == {"stored": 0, "duplicates": 0, "skipped": 1}
    assert container.invoke({"Records": [{"body": "no"}]})["skipped"] == 1
    assert ["is over" in text or "far ahead" in text or "slot" in text for text in messages(container)] == [True] * 4


def test_timer_whose_sample_fails(start_container: StartContainer, stored: StoredTable) -> None:
    """It stores the reason, counts it, and returns."""
    container = start_container("429=100", OBI_INTERVAL_SECONDS="30", OBI_TIMERS_URL="unused")
    assert container.invoke(timer(this_slot(30))) == {"stored": 0, "duplicates": 0, "skipped": 0}
    assert by_pair(stored)["BTCUSDT"].reason == "rate limited"
    assert [(found["Failures"], found["StoredShare"]) for found in metrics(container)] == [([1], [0])]


def test_variables_of_others(start_container: StartContainer) -> None:
    """Values that Powertools does not know, which an account may set for all of its functions, cost nothing."""
    odd = {"POWERTOOLS_METRICS_DISABLED": "", "POWERTOOLS_DEBUG": "perhaps", "POWERTOOLS_LOGGER_SAMPLE_RATE": "x"}
    container = start_container(LOG_LEVEL="TRACE", **odd)
    assert container.invoke({})["stored"] == 1
    assert len(metrics(container)) == 1
