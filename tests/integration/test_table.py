"""What the table promises, against two implementations of DynamoDB that share no code: moto and dynalite."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from support.fakes import NOON, StartRaw, http
from support.servers import AWS, aws_client, create_table, dynalite, moto

from handler.errors import TableError
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.dynamodb import dynamodb_client
from handler.stores.table import Table

OpenTable = Callable[..., Table]
SOON = 30.0


@pytest.fixture(scope="session", params=["moto", "dynalite"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto() if request.param == "moto" else dynalite(tmp_path_factory.mktemp("dynalite")) as found:
        yield found


@pytest.fixture
def dynamodb(url: str) -> Iterator[Any]:
    """A client that looks into the table past the code under test."""
    with aws_client("dynamodb", url) as client:
        yield client


@pytest.fixture
def name(dynamodb: Any) -> str:
    return create_table(dynamodb)


@pytest.fixture
def open_table(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenTable]:
    """Open the table as a user does: AWS is configured in the environment."""
    for variable, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url}).items():
        monkeypatch.setenv(variable, value)
    client = dynamodb_client()
    yield lambda **options: Table(**{"name": name, "client": client, **options})
    client.close()


def record(minute: int = 0, symbol: str = "BTCUSDT", levels: int = 5, **values: Any) -> Record:
    values = {"obi": 0.25, "notional_bid": 5.0, "notional_ask": 3.0, **values}
    return Record(timestamp=format_timestamp(NOON + 60 * minute + 7), symbol=symbol, levels=levels, **values)


def put(table: Table, *records: Record) -> tuple[int, int, list[TableError]]:
    """Store records; how many were stored, how many were duplicates, and what went wrong."""
    stored, duplicates, failed, _ = table.put(records, time.monotonic() + SOON)
    return stored, duplicates, [failure.error for failure in failed]


def read(table: Table, symbol: str = "BTCUSDT", levels: int = 5) -> list[Record]:
    return list(table.query(symbol, levels, since=NOON, until=NOON + 86_400))


def items(dynamodb: Any, name: str) -> list[dict[str, str | Decimal]]:
    """What is in the table, numbers as numbers: DynamoDB drops trailing zeros, moto keeps them."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=name)
    return [
        {key: Decimal(value["N"]) if "N" in value else value["S"] for key, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def test_a_record_is_one_item_under_its_series_and_the_start_of_its_slot(
    open_table: OpenTable, dynamodb: Any, name: str
) -> None:
    assert put(open_table(), record()) == (1, 0, [])
    assert items(dynamodb, name) == [
        {
            "series": "BTCUSDT#5",
            "slot": "2026-11-21T12:00:00Z",
            "timestamp": "2026-11-21T12:00:07Z",
            "symbol": "BTCUSDT",
            "obi": Decimal("0.25"),
            "notional_bid": Decimal(5),
            "notional_ask": Decimal(3),
            "levels": Decimal(5),
            "market": "spot",
        }
    ]


def test_what_was_stored_reads_back_as_the_same_line(open_table: OpenTable) -> None:
    table = open_table()
    stored = record(obi_quantity=-0.000001, best_bid=99.0, host="127.0.0.1:1", latency_ms=0.001)
    put(table, stored)
    assert [found.to_line(detail=True) for found in read(table)] == [stored.to_line(detail=True)]


def test_a_second_record_of_a_slot_is_a_duplicate_and_the_first_one_stays(open_table: OpenTable) -> None:
    table, first = open_table(), record(obi=0.5)
    assert put(table, first) == (1, 0, [])
    assert put(table, record(obi=-0.5)) == (0, 1, [])
    assert put(open_table(), first) == (0, 1, [])
    assert read(table) == [first]


def test_pairs_depths_and_minutes_are_kept_apart(open_table: OpenTable) -> None:
    table = open_table()
    records = [record(minute, symbol, levels) for minute in (0, 1) for symbol in ("A", "B") for levels in (5, 20)]
    assert put(table, *records) == (8, 0, [])
    assert read(table, "B", 20) == [record(0, "B", 20), record(1, "B", 20)]


def test_the_interval_makes_the_slot(open_table: OpenTable) -> None:
    early, late = record(), record()._replace(timestamp=format_timestamp(NOON + 19))
    assert put(open_table(interval_seconds=10), early, late) == (2, 0, [])
    assert put(open_table(interval_seconds=60), late) == (0, 1, [])


def test_a_record_expires_so_many_days_after_its_slot(open_table: OpenTable, dynamodb: Any, name: str) -> None:
    put(open_table(retention_days=30), record())
    assert [item["expires_at"] for item in items(dynamodb, name)] == [NOON + 30 * 86_400]


def test_a_record_that_is_kept_for_ever_has_no_end(open_table: OpenTable, dynamodb: Any, name: str) -> None:
    put(open_table(), record())
    assert "expires_at" not in items(dynamodb, name)[0]


def test_what_is_unknown_is_left_out_and_reads_back_as_unknown(open_table: OpenTable, dynamodb: Any, name: str) -> None:
    table = open_table()
    put(table, record(best_bid=99.0, best_ask=None, mid=None))
    assert {"best_bid"} == items(dynamodb, name)[0].keys() & {"best_bid", "best_ask", "mid"}
    assert read(table)[0].mid is None


@pytest.mark.parametrize(
    "number",
    [
        0.0,
        1e-06,
        0.1,
        0.30000000000000004,
        1 / 3,
        123456789.123457,
        99999999999.999999,
        1e16,
        9.223372036854776e16,
        1e17,
    ],
)
def test_numbers_are_stored_as_the_decimal_that_is_printed(
    open_table: OpenTable, dynamodb: Any, name: str, number: float
) -> None:
    table, stored = open_table(), record(notional_bid=number, obi_quantity=0.0 - number, last_update_id=2**63 - 1)
    put(table, stored)
    (item,) = items(dynamodb, name)
    assert (item["notional_bid"], item["obi_quantity"]) == (Decimal(repr(number)), -Decimal(repr(number)))
    assert item["last_update_id"] == 2**63 - 1
    assert [found.to_line(detail=True) for found in read(table)] == [stored.to_line(detail=True)]


def test_hundreds_of_records_are_stored_at_once(open_table: OpenTable) -> None:
    records = [record(symbol=f"S{number}") for number in range(100)]
    assert put(open_table(), *records) == (100, 0, [])
    assert put(open_table(), *records, record(symbol="NEW")) == (1, 100, [])


def test_a_wrong_table_is_told_by_name_and_with_every_record_that_it_cost(open_table: OpenTable) -> None:
    stored, duplicates, failed, _ = open_table(name="missing").put([record(0), record(1)], time.monotonic() + SOON)
    assert (stored, duplicates) == (0, 0)
    assert [failure.record for failure in failed] == [record(0), record(1)]
    assert "missing" in str(failed[0].error)
    assert "ResourceNotFoundException" in str(failed[0].error)


def test_reading_a_wrong_table_is_told_by_name(open_table: OpenTable) -> None:
    with pytest.raises(TableError, match=r"missing.*ResourceNotFoundException"):
        read(open_table(name="missing"))


def test_a_table_that_does_not_listen_is_tried_until_the_deadline_and_told(
    open_table: OpenTable, dead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dead_url)
    with closing(dynamodb_client()) as client:
        stored, _, failed, _ = open_table(client=client).put([record()], time.monotonic() + 0.5)
    assert (stored, len(failed)) == (0, 1)


@pytest.mark.parametrize("answer", [pytest.param(b"", id="hangs up"), http("500 Oops")])
def test_a_table_that_gives_no_answer_is_tried_until_the_deadline_and_told(
    open_table: OpenTable, start_raw: StartRaw, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    server = start_raw(answer)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
    with closing(dynamodb_client()) as client:
        stored, _, failed, _ = open_table(client=client).put([record()], time.monotonic() + 0.5)
    assert (stored, [failure.record for failure in failed]) == (0, [record()])
    assert len(server.heads) > 1


def test_a_thousand_concurrent_deliveries_of_100_minutes_leave_100_items_a_series(open_table: OpenTable) -> None:
    def deliver(number: int) -> tuple[int, int, list[TableError]]:
        minutes = random.Random(number).sample(range(100), 100)
        came = [
            put(container, record(minute, obi=number / 10), record(minute, levels=20, obi=number / 10))
            for minute in minutes
        ]
        return sum(c[0] for c in came), sum(c[1] for c in came), [error for c in came for error in c[2]]

    container = open_table()
    with ThreadPoolExecutor(10) as containers:
        delivered = list(containers.map(deliver, range(10)))
    assert [error for _, _, errors in delivered for error in errors] == []
    assert sum(stored for stored, _, _ in delivered) == 200
    assert sum(duplicates for _, duplicates, _ in delivered) == 1800
    for levels in (5, 20):
        assert [found.timestamp for found in read(container, levels=levels)] == [
            record(m).timestamp for m in range(100)
        ]
