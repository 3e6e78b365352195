"""What the table promises, against two implementations of DynamoDB that share no code: moto and dynalite."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from support.servers import AWS, aws_client, create_table, dynalite, free_port, moto
from unit.test_item import item_bytes, recorded_like

from handler.errors import StoreError, TransientStoreError
from handler.record import Pair, Record, no_data
from handler.slots import format_timestamp, parse_timestamp
from handler.stores.dynamodb import dynamodb_client
from handler.stores.item import item_from_record
from handler.stores.store import PutResult
from handler.stores.table import Table
from infra.testkit.clock import NOON, FakeClock
from infra.testkit.table_faults import PUT_FAULTS, error
from infra.testkit.table_proxy import TableProxy

OpenTable = Callable[..., Table]
DAY = NOON + 86_400
STORED, DUPLICATE, DIFFERENT = PutResult(1, 0, [], 0), PutResult(0, 1, [], 0), PutResult(0, 1, [], 1)
UNCOUNTED = PutResult(0, 0, [], 0)


@pytest.fixture(scope="module", params=["moto", "dynalite"])
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
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Make a client as a user does: AWS is configured in the environment."""
    clients = []

    def make(url: str) -> Any:
        for variable, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url}).items():
            monkeypatch.setenv(variable, value)
        clients.append(dynamodb_client())
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def open_table(name: str, url: str, connect: Callable[[str], Any]) -> OpenTable:
    client = connect(url)
    return lambda **options: Table(**{"name": name, "client": client, **options})


def sample(minute: int = 0, symbol: str = "BTCUSDT", **values: Any) -> Record:
    values = {"obi": 0.25, "notional_bid": 5.0, "notional_ask": 3.0, "levels": 5, **values}
    return Record(timestamp=format_timestamp(NOON + 60 * minute + 7), symbol=symbol, **values)


def full(seed: int, minute: int = 0) -> Record:
    values = {key: getattr(recorded_like(seed), key) for key in Record.__struct_fields__}
    return Record(**values | {"timestamp": format_timestamp(NOON + 60 * minute + 7), "symbol": "BTCUSDT", "market": "spot"})


def plain(record: Record) -> Record:
    return Record.from_line(record.to_line(detail=False))


def reason(minute: int = 0, word: str = "timeout") -> Record:
    return no_data(format_timestamp(NOON + 60 * minute), Pair("BTCUSDT"), 5, 60, word)


def put(table: Table, *records: Record) -> PutResult:
    return table.put(records, time.monotonic() + 30)


def read(table: Table, pair: str = "BTCUSDT", **options: Any) -> list[Record]:
    return list(table.query(pair, **({"since": NOON, "until": DAY} | options)))


def test_every_kind_of_record_comes_back_as_the_same_line(open_table: OpenTable) -> None:
    """Full, plain, of futures, a reason: stored once, and counted but for the reason."""
    table = open_table()
    records = [full(0, 0), full(8, 1), sample(2), reason(3), full(3, 4), sample(5, host="x", interval_seconds=60)]
    futures = sample(0, market="usdm", interval_seconds=60, bids=[], asks=None, notional_bid_within=[])
    assert put(table, *records, futures) == PutResult(6, 0, [], 0)
    assert [record.to_line() for record in read(table)] == [record.to_line() for record in records]
    assert [record.to_line() for record in read(table, "usdm:BTCUSDT", consistent=True)] == [futures.to_line()]


A, B = full(0), full(8)
EARLIER = Record(format_timestamp(NOON + 6), "BTCUSDT", 0.25, 5.0, 3.0, 5)


@pytest.mark.parametrize(
    ("puts", "results", "kept", "options"),
    [
        ([A, B, A], [STORED, DIFFERENT, DUPLICATE], A, {}),
        ([A, plain(A)], [STORED, DUPLICATE], A, {}),
        ([plain(A), A], [STORED, DUPLICATE], plain(A), {}),
        ([plain(A), A, A], [STORED, STORED, DUPLICATE], A, {"replace_plain": True}),
        ([EARLIER, A], [STORED, DIFFERENT], EARLIER, {"replace_plain": True}),
        ([reason(), A, reason(), B], [UNCOUNTED, STORED, UNCOUNTED, DIFFERENT], A, {}),
        ([reason(), reason(0, "banned")], [UNCOUNTED, UNCOUNTED], reason(), {}),
        ([no_data(A.timestamp, Pair("BTCUSDT"), 5), plain(A)], [UNCOUNTED, STORED], plain(A), {}),
    ],
)
def test_the_first_measurement_wins(
    open_table: OpenTable, url: str, puts: list[Record], results: list[PutResult], kept: Record, options: dict[str, Any]
) -> None:
    """It replaces a reason, a reason replaces nothing; `replace_plain`: details are added to the same sample."""
    table = open_table(**options)
    found = [put(table, record) for record in puts]
    tells_old = "dynalite" not in url or None
    assert found == results
    assert read(table) == [kept]
