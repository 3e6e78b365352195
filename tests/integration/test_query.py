"""What reading and bulk loading ask of a table, against two implementations of DynamoDB: moto and dynalite."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archive import PAST, Archive, archives, record
from support.fakes import NOON, FakeClock
from support.servers import dynalite, moto

from handler.errors import TableError
from handler.record import SAMPLE_KEYS, Record, Series
from handler.stores.bulk import BulkLoader
from handler.stores.items import item_from_record
from handler.stores.table import Table

DAY = PAST + 86_400
BTC = Series("BTCUSDT", 5)


@pytest.fixture(scope="module", params=["moto", "dynalite"])
def new_archive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Archive]]:
    server = moto() if request.param == "moto" else dynalite(tmp_path_factory.mktemp("dynalite"))
    with server as url, archives(url) as new:
        yield new


@pytest.fixture
def asked(archive: Archive) -> Iterator[list[dict[str, Any]]]:
    """What the client was asked so far."""
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params.copy())

    archive.client.meta.events.register("before-parameter-build.dynamodb", note)
    yield asked
    archive.client.meta.events.unregister("before-parameter-build.dynamodb", note)


@pytest.fixture
def table(archive: Archive) -> Table:
    return Table(archive.name, client=archive.client)


def bulk(archive: Archive, **options: Any) -> BulkLoader:
    return BulkLoader(Table(archive.name, client=archive.client, **options))


def read(table: Table, **options: Any) -> list[Record]:
    return list(table.query("BTCUSDT", 5, **({"since": PAST, "until": DAY} | options)))


def test_records_come_in_time_order_whatever_the_order_they_were_put_in(archive: Archive, table: Table) -> None:
    records = [record(minute) for minute in (600, 2, 61, 0, 1439, 1440, -1)]
    archive.fill([item_from_record(one, 60) for one in records])
    assert read(table) == [record(minute) for minute in (0, 2, 61, 600, 1439)]


def slot_range(table: Table, series: Series, *, consistent: bool = False) -> tuple[int, int] | None:
    held = table.extent(series, consistent=consistent)
    return held and (held.first, held.last)


def test_a_page_is_asked_for_when_the_one_before_is_used_up(
    archive: Archive, table: Table, asked: list[dict[str, Any]]
) -> None:
    records = [record(minute, host="h" * 1900) for minute in range(700)]
    archive.fill([item_from_record(one, 60) for one in records])
    asked.clear()
    found = table.query("BTCUSDT", since=PAST, until=DAY)
    assert asked == []
    assert next(found) == records[0]
    assert len(asked) == 1
    assert [records[0], *found] == records
    assert len(asked) in (2, 3)


def test_only_what_is_shown_is_asked_for(archive: Archive, table: Table, asked: list[dict[str, Any]]) -> None:
    archive.fill([item_from_record(record(host="x"), 60)])
    asked.clear()
    assert read(table, detail=False) == [record()]
    assert read(table, detail=True) == [record(host="x")]
    assert list(table.slots(BTC, PAST, DAY)) == [PAST]
    names = [set(one.get("ExpressionAttributeNames", {}).values()) for one in asked]
    assert names == [{"slot", *SAMPLE_KEYS}, set(), {"slot"}]  # with detail, all attributes


def test_a_key_of_a_newer_version_is_left_out_with_one_warning(
    archive: Archive, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    archive.fill([item_from_record(record(minute), 60) | {"mood": {"L": []}} for minute in range(3)])
    assert read(table) == [record(minute) for minute in range(3)]
    [warning] = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert warning.endswith(": mood is not a key that this version knows: such keys are left out")


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [(0, 60, [0]), (1, 61, [1]), (0.5, 120.5, [1, 2]), (60, 60.5, [1]), (60, 60, []), (61, 119, []), (90, 30, [])],
)
def test_a_range_is_half_open(archive: Archive, table: Table, since: float, until: float, expected: list[int]) -> None:
    archive.fill([item_from_record(record(minute), 60) for minute in range(4)])
    found = table.query("BTCUSDT", since=PAST + since, until=PAST + until)
    assert list(found) == [record(minute) for minute in expected]


def test_what_expires_is_left_out_from_that_second_on(archive: Archive, clock: FakeClock) -> None:
    archive.fill([item_from_record(record(minute), 60, days) for minute, days in ((0, 0), (1, 1), (2, 1), (3, 2))])
    clock.set_wall(DAY + 60 - clock.time())
    table = Table(archive.name, client=archive.client, clock=clock)
    assert read(table) == [record(minute) for minute in (0, 2, 3)]
    assert list(table.slots(BTC, PAST, DAY)) == [PAST, PAST + 120, PAST + 180]


def test_an_item_that_is_no_record_is_an_error_that_names_it(archive: Archive, table: Table) -> None:
    item = item_from_record(record(), 60)
    archive.fill([item | {"obi": {"S": "much"}}])
    with pytest.raises(TableError, match=r"BTCUSDT#5 at 2024-01-01T00:00:00Z"):
        read(table)


def test_the_range_that_a_series_has_is_read_from_its_ends(
    archive: Archive, table: Table, asked: list[dict[str, Any]]
) -> None:
    assert slot_range(table, BTC) is None
    archive.fill([item_from_record(record(minute, host="h" * 1900), 60) for minute in range(3, 700)])
    archive.fill([item_from_record(record(0, "ETHUSDT"), 60), item_from_record(record(900, levels=20), 60)])
    asked.clear()
    assert slot_range(table, BTC) == (PAST + 180, PAST + 699 * 60)
    assert [one["Limit"] for one in asked] == [1, 1]
    assert slot_range(table, Series("BTCUSDT", 20), consistent=True) == (PAST + 54_000, PAST + 54_000)
    assert [one["ConsistentRead"] for one in asked] == [False, False, True, True]


def test_what_has_expired_is_outside_the_range_that_a_series_has(archive: Archive, table: Table) -> None:
    archive.fill([item_from_record(record(minute, host="h" * 1900), 60, 1) for minute in range(700)])
    assert slot_range(table, BTC) is None
    archive.fill([item_from_record(record(minute), 60) for minute in (700, 701)])
    archive.fill([item_from_record(record(minute), 60, 1) for minute in (702, 703)])
    assert slot_range(table, BTC) == (PAST + 700 * 60, PAST + 701 * 60)


def test_an_item_whose_slot_is_no_time_is_an_error_that_names_it(archive: Archive, table: Table) -> None:
    archive.fill([item_from_record(record(), 60) | {"slot": {"S": "2024-01-01T00:00:30.5Z"}}])
    for read_slots in (
        lambda: list(table.slots(BTC, PAST, DAY)),
        lambda: table.extent(BTC),
    ):
        with pytest.raises(TableError, match=r"BTCUSDT#5 at 2024.*invalid item: slot "):
            read_slots()


def test_null_reads_back_as_unknown_and_an_unknown_attribute_is_not_read(archive: Archive, table: Table) -> None:
    item: dict[str, Any] = {**item_from_record(record(), 60), "mid": {"NULL": True}, "mood": {"S": "good"}}
    archive.fill([item])
    assert read(table) == [record()]


@pytest.mark.parametrize("attribute", [{"BOOL": True}, {"NULL": True}, {"L": []}, {"N": "1"}], ids=str)
def test_an_attribute_of_a_wrong_type_is_an_error_that_names_the_item(
    archive: Archive, table: Table, attribute: dict[str, Any]
) -> None:
    archive.fill([item_from_record(record(), 60) | {"symbol": attribute}])
    with pytest.raises(TableError, match=r"BTCUSDT#5 at 2024-01-01T00:00:00Z: invalid item: symbol is "):
        read(table)


def test_a_slot_that_is_no_time_is_an_error_that_names_the_item(archive: Archive, table: Table) -> None:
    archive.fill([item_from_record(record(), 60) | {"slot": {"S": "2024-01-01T00:01:00.5Z"}}])
    with pytest.raises(TableError, match=r"BTCUSDT#5 at 2024-01-01T00:01:00\.5Z: invalid item: slot "):
        list(table.slots(BTC, PAST, DAY))


@pytest.mark.parametrize("now", [NOON, PAST + 1800], ids=["old", "recent"])
def test_loading_puts_once_and_counts(archive: Archive, clock: FakeClock, now: float) -> None:
    clock.set_wall(now - clock.time())
    records = [record(minute, symbol) for minute in range(25) for symbol in ("A", "B")]
    archive.fill([item_from_record(record(3, "A", obi=0.5), 60)])
    loader = bulk(archive, clock=clock)
    assert loader.load([*records, *records[:10]])[:2] == (49, 11)
    assert loader.load(records)[:2] == (0, 50)
    by_series = sorted(records, key=lambda one: (one.symbol, one.timestamp))
    assert archive.records() == [one._replace(obi=0.5) if one == record(3, "A") else one for one in by_series]


@pytest.mark.parametrize("now", [NOON, PAST + 600, PAST + 3630], ids=["old", "recent", "at the border"])
def test_of_two_records_for_one_slot_the_first_stays(archive: Archive, clock: FakeClock, now: float) -> None:
    clock.set_wall(now - clock.time())
    records = [
        record(minute, obi=obi)._replace(timestamp=record(minute).timestamp[:17] + second)
        for minute in range(20)
        for obi, second in ((0.5, "50Z"), (-0.5, "10Z"), (0.0, "30Z"))
    ]
    assert bulk(archive, clock=clock).load(records)[:2] == (20, 40)
    assert {one.obi for one in archive.records()} == {0.5}


def test_what_a_sampler_is_putting_meanwhile_is_not_overwritten(archive: Archive, clock: FakeClock) -> None:
    """Between the question which slots are taken and the write, a sampler stores."""
    clock.set_wall(PAST + 600 - clock.time())
    loader = bulk(archive, clock=clock)
    sampled = [record(minute, obi=0.5) for minute in range(5, 10)]
    existing = loader._existing
    loader._existing = lambda keys: (existing(keys), archive.fill([item_from_record(one, 60) for one in sampled]))[0]  # type: ignore
    assert loader.load([record(minute) for minute in range(10)])[:2] == (5, 5)
    assert archive.records() == [*(record(minute) for minute in range(5)), *sampled]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(-4, 4)), max_size=400), st.integers(1, 200))
def test_loading_in_any_parts_any_number_of_times_leaves_the_first_of_each_slot(
    lines: list[tuple[int, int]], size: int
) -> None:
    """Against the simplest table there is: the two above have shown that the real ones behave like it."""
    items: dict[tuple[str, str], Any] = {}
    client: Any = SimplestTable(items)
    loader = BulkLoader(Table("obi", client=client))
    records = [record(minute, obi=obi / 4) for minute, obi in lines]
    expected: dict[str, float] = {}
    for one in records:
        expected.setdefault(one.timestamp, one.obi)
    stored = sum(loader.load(records[start : start + size]).stored for start in range(0, len(records), size))
    assert stored == len(expected)
    assert {item["timestamp"]["S"]: float(item["obi"]["N"]) for item in items.values()} == expected
    assert loader.load(records)[:2] == (0, len(records))


class SimplestTable:
    def __init__(self, items: dict[tuple[str, str], Any]) -> None:
        self._items = items

    def batch_get_item(self, **request: Any) -> Any:
        assert len(request["RequestItems"]["obi"]["Keys"]) <= 100
        keys = [(key["series"]["S"], key["slot"]["S"]) for key in request["RequestItems"]["obi"]["Keys"]]
        assert len(keys) == len(set(keys))  # DynamoDB refuses a key that comes twice
        return {"Responses": {"obi": [self._items[key] for key in keys if key in self._items]}, "UnprocessedKeys": {}}

    def batch_write_item(self, **request: Any) -> Any:
        items = [put["PutRequest"]["Item"] for put in request["RequestItems"]["obi"]]
        found = {(item["series"]["S"], item["slot"]["S"]): item for item in items}
        assert len(found) == len(items) <= 25
        self._items.update(found)
        return {"UnprocessedItems": {}}
