"""What the table promises, against two implementations of DynamoDB that share no code: moto and dynalite."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from support.fakes import NOON, FakeClock, forbid_threads
from support.records import recorded_like
from support.servers import AWS, dynalite, moto
from support.tables import StoredTable

from handler.errors import StoreError, TransientStoreError
from handler.record import Pair, Record, no_data
from handler.slots import format_timestamp
from handler.stores.dynamodb import dynamodb_client
from handler.stores.item import item_from_record
from handler.stores.store import PutResult
from handler.stores.table import Table
from infra.testkit.table_proxy import FAULTS, PUT_FAULTS, Fault, Response, TableProxy, error

Connect = Callable[[str], Any]
OpenTable = Callable[..., Table]
DAY = NOON + 86_400
STORED, DUPLICATE, DIFFERENT = PutResult(1, 0, [], 0), PutResult(0, 1, [], 0), PutResult(0, 1, [], 1)
UNCOUNTED = PutResult(0, 0, [], 0)


@pytest.fixture(scope="module", params=["moto", "dynalite"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto() if request.param == "moto" else dynalite(tmp_path_factory.mktemp("dynalite")) as found:
        yield found


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make a client as a user does: AWS is configured in the environment."""
    with ExitStack() as running:

        def make(url: str) -> Any:
            for variable, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url}).items():
                monkeypatch.setenv(variable, value)
            return running.enter_context(closing(dynamodb_client()))

        yield make


@pytest.fixture
def open_table(stored: StoredTable, url: str, connect: Connect) -> OpenTable:
    client = connect(url)
    return lambda **options: Table(**{"name": stored.name, "client": client, **options})


def sample(minute: int = 0, symbol: str = "BTCUSDT", **values: Any) -> Record:
    values = {"obi": 0.25, "notional_bid": 5.0, "notional_ask": 3.0, "levels": 5, **values}
    return Record(timestamp=format_timestamp(NOON + 60 * minute + 7), symbol=symbol, **values)


def full(seed: int, minute: int = 0) -> Record:
    same = {"timestamp": format_timestamp(NOON + 60 * minute + 7), "symbol": "BTCUSDT", "market": "spot"}
    return replace(recorded_like(seed), **same)


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
    assert [record.to_line() for record in read(table, "usdm:BTCUSDT")] == [futures.to_line()]


A, B = full(0), full(8)
EARLIER = Record(format_timestamp(NOON + 6), "BTCUSDT", 0.25, 5.0, 3.0, 5)


@pytest.mark.parametrize(
    ("puts", "results", "kept"),
    [
        ([A, B, A], [STORED, DIFFERENT, DUPLICATE], A),
        ([plain(A), A, A], [STORED, STORED, DUPLICATE], A),
        ([EARLIER, A], [STORED, DIFFERENT], EARLIER),
        ([reason(), A, reason(), B], [UNCOUNTED, STORED, UNCOUNTED, DIFFERENT], A),
        ([reason(), reason(0, "banned")], [UNCOUNTED, UNCOUNTED], reason()),
        ([no_data(A.timestamp, Pair("BTCUSDT"), 5), plain(A)], [UNCOUNTED, STORED], plain(A)),
    ],
)
def test_the_first_measurement_wins(
    open_table: OpenTable, request: Any, puts: list[Record], results: list[PutResult], kept: Record
) -> None:
    """It replaces a reason, a reason replaces nothing; details are added to the same sample."""
    table = open_table()
    found = [put(table, record) for record in puts]
    if request.node.callspec.params["url"] == "dynalite":  # it does not tell which item was there
        results = [result._replace(different=0) for result in results]
    assert found == results
    assert read(table) == [kept]


@pytest.mark.parametrize("url", ["moto"], indirect=True)
def test_faults_on_the_way(stored: StoredTable, proxy: TableProxy, connect: Connect) -> None:
    """The item is in once and the writer knows, also if it replaced another and the answer was lost."""
    faults = [fault for fault in PUT_FAULTS if fault not in ("hang", "slow")]
    table = Table(stored.name, client=connect(proxy.url))
    for minute, fault in enumerate(faults):
        put(table, [reason(minute), plain(full(0, minute)), sample(-1)][minute % 3])
        proxy.faults["PutItem"] = deque([fault])
        assert put(table, full(0, minute)) == STORED
        assert proxy.counts[fault] == 1
    assert read(table) == [full(0, minute) for minute in range(len(faults))]


@pytest.mark.parametrize(
    "response",
    [
        error(400, "ReplicatedWriteConflictException"),
        error(500, "AnythingElse"),
        Response(200, b'{"status":"ok"}'),  # with a request ID
        Response(200, b"{}", "text/json"),  # without a request ID
        *[Response(200, body, "text/html") for body in (b"[]", b"<html>", b"\xff")],
        Response(403, b"<html>", "text/html"),
    ],
    ids=lambda response: f"{response.status} {response.body.decode('latin-1')} {response.content_type}",
)
def test_no_success_of_dynamodb(connect: Connect, monkeypatch: pytest.MonkeyPatch, response: Response) -> None:
    """It is retried and then reported, never "stored", nor an empty page."""
    monkeypatch.setitem(FAULTS, "answer", Fault(response))
    with TableProxy(None) as proxy:
        table = Table("obi", client=connect(proxy.url), clock=FakeClock())
        proxy.faults = {"PutItem": deque(["answer"]), "Query": deque(["answer"] * 100)}
        assert put(table, sample()) == STORED
        proxy.faults["PutItem"] = deque(["answer"] * 100)
        [failed] = table.put([sample()], FakeClock().monotonic() + 3).failed
        assert isinstance(failed.error, TransientStoreError)
        assert re.match("^table obi: [^\n]+$", str(failed.error))
        is_retried = response.status != 200 or response.body in (b"[]", b"\xff")  # boto3 takes others for an answer
        with pytest.raises(TransientStoreError if is_retried else StoreError, match=r"^table obi: [^\n]+$"):
            read(table)
        assert (proxy.operations.count("Query") > 1) == is_retried


def test_a_deadline_ends_the_retries(connect: Connect) -> None:
    """Nothing is sent after it; every record that it cost is reported."""
    with TableProxy(None) as proxy:
        clock = FakeClock()
        table = Table("obi", client=connect(proxy.url), clock=clock)
        proxy.faults = {"PutItem": deque(["throttled"] * 100)}
        result = table.put([sample()], clock.monotonic() + 10)
        assert (round(sum(clock.slept), 6), 5 < len(clock.slept) < 12) == (10, True)
        assert table.put([sample(1)], clock.monotonic()).failed[0].record == sample(1)
        assert len(proxy.operations) == len(clock.slept)
    assert "table obi: ProvisionedThroughputExceededException: from the fault proxy" in str(result.failed[0].error)


def test_a_wrong_table_is_told_by_name(open_table: OpenTable) -> None:
    """At once, with every record that it cost."""
    table = open_table(name="missing")
    result = put(table, sample(0), sample(1))
    assert sorted(failed.record.timestamp for failed in result.failed) == [sample(0).timestamp, sample(1).timestamp]
    message = "^table missing: ResourceNotFoundException: .*; check the table's name"
    assert re.match(message, str(result.failed[0].error))
    with pytest.raises(StoreError, match=message):
        read(table)


def test_a_range_is_half_open_and_pairs_are_kept_apart(open_table: OpenTable) -> None:
    """In time order, whatever order the records were put in; the interval makes the slot."""
    table = open_table()
    minutes = [600, 2, 61, 0, 1439, 1440, -1]
    assert put(table, *map(sample, minutes), sample(3, "OTHER")).stored == 8
    assert read(table) == [sample(minute) for minute in (0, 2, 61, 600, 1439)]
    for since, end, expected in [(0.5, 120.5, [2]), (0, 60, [0]), (60, 60, []), (90, 30, []), (120, 121, [2])]:
        found = table.query("BTCUSDT", since=NOON + since, until=NOON + end)
        assert list(found) == [sample(minute) for minute in expected]
    assert put(open_table(default_interval_seconds=5), sample(0)).stored == 1  # another slot, 12:00:05
    assert read(table)[:2] == [sample(0), sample(0)]


def test_pages(stored: StoredTable, url: str, connect: Connect) -> None:
    """A page is asked for when the one before is used up: many pages are read in bounded memory."""
    records = [sample(minute) for minute in range(150)]
    stored.put(*[item_from_record(record, 60) | {"later": {"S": "x" * 10_000}} for record in records])
    with TableProxy(url) as proxy:
        found = Table(stored.name, client=connect(proxy.url)).query("BTCUSDT", since=NOON, until=DAY)
        assert proxy.operations == []
        assert next(found) == records[0]
        assert proxy.operations == ["Query"]
        assert [records[0], *found] == records
        assert proxy.operations == ["Query"] * 2


def test_a_damaged_item_is_named_and_left_out(open_table: OpenTable, stored: StoredTable) -> None:
    """What is beside it and after it is read; attributes of a newer version are no damage."""
    items = [item_from_record(sample(minute), 60) for minute in range(4)]
    items[1]["obi"] = {"S": "much"}
    items[2]["mood"] = {"M": {"x": {"BOOL": True}}}
    stored.put(*items)
    damaged: list[str] = []
    assert read(open_table(), on_damaged=damaged.append) == [sample(0), sample(2), sample(3)]
    [sentence] = damaged
    assert sentence.startswith(f"table {stored.name}: BTCUSDT at '2026-11-21T12:01:00Z': obi is 'much': ")


def test_an_expired_item_is_hidden(open_table: OpenTable) -> None:
    """Until DynamoDB has removed it. A record expires so many days after its slot."""
    table = open_table(retention_days=1, clock=(clock := FakeClock()))
    assert put(table, sample(3), sample(4)).stored == 2
    clock.advance(86_400 + 180)
    assert read(table) == [sample(4)]


def test_no_thread_can_be_started(open_table: OpenTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calling thread stores every record."""
    forbid_threads(monkeypatch, "put")
    assert put(open_table(), *map(sample, range(20))) == PutResult(20, 0, [], 0)


def test_what_nobody_foresaw_costs_its_record(open_table: OpenTable) -> None:
    """`put` never raises."""
    result = put(open_table(), sample(0), sample(1, bids=[(Decimal("NaN"), Decimal(1))], interval_seconds=60))
    assert (result.stored, [failed.record for failed in result.failed]) == (1, [result.failed[0].record])
    assert "cannot convert NaN to integer" in str(result.failed[0].error)
