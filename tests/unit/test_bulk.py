"""Bulk loading: what is old goes in batches, what a sampler may be storing goes in one by one, with the condition."""

from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Lock
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from support.fakes import NOON, FakeClock
from support.records import known

from handler.errors import TableError
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.bulk import BulkLoader
from handler.stores.table import Table

HOUR = 3600


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "operation")


class FakeClient:
    """A table in memory. `act` sees each request first, may raise, and may give what is left unprocessed."""

    def __init__(self, act: Callable[[str, Any], Any] = lambda operation, request: None) -> None:
        self.batches: list[int] = []
        """How many items each batch had."""
        self.put_slots: list[str] = []
        """Slots that were put with the condition."""
        self.items: dict[tuple[str, str], Any] = {}
        self.act = act
        self._lock = Lock()

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803
        request = RequestItems["obi"]
        left = self._note("get", RequestItems, request["Keys"])
        assert request["ConsistentRead"] is True
        keys = [key for key in map(_key, request["Keys"]) if key in self.items]
        found = [] if left else [self.items[key] for key in keys]
        return {"Responses": {"obi": found}, "UnprocessedKeys": left or {}}

    def batch_write_item(self, RequestItems: Any) -> Any:  # noqa: N803
        left = self._note("write", RequestItems, RequestItems["obi"])
        if not left:
            self._store([request["PutRequest"]["Item"] for request in RequestItems["obi"]])
        return {"UnprocessedItems": left or {}}

    def put_item(self, Item: Any, ConditionExpression: str, **_: Any) -> Any:  # noqa: N803
        with self._lock:
            self.put_slots.append(Item["slot"]["S"])
        self.act("put", Item)
        if _key(Item) in self.items:
            raise error("ConditionalCheckFailedException")
        self._store([Item])
        return {}

    def _note(self, operation: str, request: Any, parts: Any) -> Any:
        with self._lock:
            self.batches.append(len(parts))
        return self.act(operation, request)

    def _store(self, items: list[Any]) -> None:
        self.items.update({_key(item): item for item in items})


def _key(item: Any) -> tuple[str, str]:
    return item["series"]["S"], item["slot"]["S"]


def record(seconds: float, symbol: str = "BTCUSDT") -> Record:
    """A record of so many seconds after noon."""
    return known(timestamp=format_timestamp(NOON + seconds), symbol=symbol)


def loader(client: FakeClient, clock: FakeClock, **options: Any) -> BulkLoader:
    return BulkLoader(Table("obi", client=cast(Any, client), clock=clock, random=lambda: 1.0, **options))


OLD = [record(-2 * HOUR - 60 * number) for number in range(201)]


@pytest.mark.parametrize("interval_seconds", [1, 60])
def test_last_hour_is_put_with_condition(clock: FakeClock, interval_seconds: int) -> None:
    """A slot that ended in the last hour, or is running, may be one that a sampler is storing."""
    ended = -HOUR - interval_seconds
    records = [record(ended + offset) for offset in (-interval_seconds, 0, interval_seconds)]
    client = FakeClient()
    assert loader(client, clock, interval_seconds=interval_seconds).load([*records, record(0)]) == (4, 0, (), 0)
    assert sorted(client.put_slots) == [record(ended + interval_seconds).timestamp, record(0).timestamp]
    assert client.batches == [4, 2]  # all are looked up, two are written


def test_defaults(clock: FakeClock) -> None:
    """Without options slots are minutes, and items never expire."""
    client = FakeClient()
    loader(client, clock).load([record(-2 * HOUR + 7), record(7)])
    assert sorted(slot for _, slot in client.items) == [record(-2 * HOUR).timestamp, record(0).timestamp]
    assert [item for item in client.items.values() if "expires_at" in item] == []


def test_batch_sizes(clock: FakeClock) -> None:
    """As few requests as DynamoDB allows: 100 items a read, 25 a write."""
    client = FakeClient()
    loader(client, clock).load(OLD)
    assert sorted(client.batches) == [1, 1, *[25] * 8, 100, 100]


def test_counts(clock: FakeClock) -> None:
    """Old and recent records, new ones and duplicates, are counted together."""
    client = FakeClient()
    loader(client, clock).load([*OLD[:3], record(0)])
    assert loader(client, clock).load([*OLD[:5], record(0), record(-60), record(-60)]) == (3, 5, (), 0)
    assert len(client.items) == 7


def test_concurrent_requests(clock: FakeClock) -> None:
    """Four requests are under way at a time."""
    four = Barrier(4)

    def meet(operation: str, request: Any) -> None:
        if operation == "write":
            four.wait(5)

    try:
        loader(FakeClient(meet), clock).load(OLD[:100])
    except BrokenBarrierError:
        pytest.fail("fewer than four requests were under way")


@pytest.mark.parametrize("operation", ["get", "write"])
def test_unprocessed_items_are_sent_again(clock: FakeClock, operation: str) -> None:
    """After pauses that double, until none is left."""
    times = iter(range(3))
    client = FakeClient(
        lambda called, request: request if called == operation and next(times, None) is not None else {}
    )
    assert loader(client, clock).load(OLD[:2]) == (2, 0, (), 0)
    assert clock.slept == [0.2, 0.4, 0.8]
    assert len(client.items) == 2


@pytest.mark.parametrize("operation", ["get", "write"])
def test_throttled_to_the_end(clock: FakeClock, operation: str) -> None:
    """A table that still throttles after the last retry is an error that names it."""
    client = FakeClient(lambda called, request: request if called == operation else {})
    with pytest.raises(TableError, match=r"\bobi\b"):
        loader(client, clock).load(OLD[:1])
    assert len(clock.slept) == 30
    assert client.items == {}


@pytest.mark.parametrize("operation", ["get", "write"])
def test_failed_batch(clock: FakeClock, operation: str) -> None:
    """A request that DynamoDB rejects is an error that names the table, and is not repeated."""

    def fail(called: str, request: Any) -> None:
        if called == operation:
            raise error("ResourceNotFoundException")

    with pytest.raises(TableError, match=r"\bobi\b.*ResourceNotFoundException"):
        loader(FakeClient(fail), clock).load(OLD[:1])
    assert clock.slept == []


@pytest.mark.parametrize("symbols", ["A", "AB"])
def test_failed_put(clock: FakeClock, symbols: str) -> None:
    """Of records of the last hour that could not be stored the first one's error is raised."""

    def fail(called: str, item: Any) -> None:
        if called == "put":
            raise error(f"Code{item['symbol']['S']}")

    with pytest.raises(TableError, match="CodeA"):
        loader(FakeClient(fail), clock).load([record(0, symbol) for symbol in symbols])


def test_put_deadline(clock: FakeClock) -> None:
    """A record of the last hour is retried for a minute."""

    def throttle(called: str, item: Any) -> None:
        if called == "put":
            raise error("ThrottlingException")

    start = clock.monotonic()
    with pytest.raises(TableError, match="ThrottlingException"):
        loader(FakeClient(throttle), clock).load([record(0)])
    assert clock.monotonic() - start == pytest.approx(60.0)
