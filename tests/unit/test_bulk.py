"""Many records into a table or a folder: once, the earliest of a slot, whoever else writes."""

import gzip
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeClock
from support.records import nth_full as full
from support.records import nth_plain as plain
from support.tables import StoredTable

from handler.errors import TransientStoreError
from handler.load.bulk import BATCH_RECORDS, Bulk, infer_intervals, into_folder, into_table
from handler.record import Pair, Record, no_data
from handler.slots import format_timestamp
from handler.stores.dynamodb import dynamodb_client
from handler.stores.folder import Folder
from handler.stores.table import Table
from infra.testkit.table_proxy import TableProxy

PAST = 1_704_067_200  # 2024-01-01T00:00:00Z
Load = Callable[..., Bulk]
FIRST, LATER = plain(1), plain(1, timestamp="2026-11-22T10:01:30Z", obi=0.5)
FULL = full(1, **{key: getattr(FIRST, key) for key in ("timestamp", "symbol", "obi", "notional_bid", "notional_ask")})
REASON = no_data(FIRST.timestamp, Pair(FIRST.symbol), 5, 60, "timeout")
NOTHING = plain(1, obi=0.0, notional_bid=0.0, notional_ask=0.0)


@pytest.fixture
def load(stored: StoredTable, proxy: TableProxy, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Load:
    """Load batches of records into the table."""
    for name, value in stored.through(proxy.url).items():
        monkeypatch.setenv(name, value)
    client = dynamodb_client()

    def run(*batches: Iterable[Record], **options: Any) -> Bulk:
        intervals = defaultdict(lambda: 60, options.pop("intervals", {}))
        table = Table(stored.name, default_interval_seconds=intervals, client=client, clock=clock)
        loader = into_table(table, intervals, options.pop("warn", print), clock=clock, **options)
        for batch in batches:
            for record in batch:
                loader.add(record, record.to_line())
            loader.flush()
        return loader

    return run


def counts(loader: Bulk) -> tuple[int, int, int, int, int]:
    return loader.loaded, loader.already_there, loader.different, loader.no_data, loader.expired


TABLE: dict[str, tuple[list[list[Record]], tuple[int, ...], list[Record]]] = {
    "the earliest of a batch": ([[LATER, FIRST]], (1, 0, 1, 0, 0), [FIRST]),
    "full before plain": ([[FULL, FIRST]], (1, 1, 0, 0, 0), [FULL]),
    "full after plain, in another batch": ([[FIRST], [FULL], [FULL]], (2, 1, 0, 0, 0), [FULL]),
    "full of another sample": ([[LATER], [FULL]], (1, 0, 1, 0, 0), [LATER]),
    "a reason": ([[REASON], [REASON]], (0, 0, 0, 2, 0), [REASON]),
    "a reason before a measurement": ([[REASON, FIRST]], (1, 0, 0, 1, 0), [FIRST]),
    "a reason after a measurement": ([[FIRST, REASON]], (1, 0, 0, 1, 0), [FIRST]),
    "a plain line of nothing": ([[NOTHING]], (0, 0, 0, 1, 0), []),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_a_table_has_in_the_end(stored: StoredTable, load: Load, name: str) -> None:
    batches, expected, records = TABLE[name]
    loader = load(*batches)
    assert (counts(loader), stored.records(), loader.batch) == (expected, records, {})
    assert loader.changed_days == ({"2026-11-22"} if expected[0] else set())


def test_plain_lines_get_the_slots_of_their_interval(stored: StoredTable, load: Load) -> None:
    close = [plain(0, timestamp=format_timestamp(PAST + 10 * number)) for number in range(60)]
    assert counts(load(close)) == (10, 0, 50, 0, 0)
    assert counts(load(close, intervals={"BTCUSDT": 10})) == (50, 10, 0, 0, 0)
    assert stored.records() == close


def test_intervals_are_inferred_by_pair() -> None:
    def samples(symbol: str, *seconds: int) -> list[Record]:
        return [plain(0, symbol=symbol, timestamp=format_timestamp(PAST + second)) for second in seconds]

    jittered = samples("A", 0, 11, 20, 30, 40, 51, 60, 70, 900)
    rare, once = samples("B", 0, 300, 600, 900, 960), samples("C", 0, 420)
    assert infer_intervals([*jittered, *rare, *once, full(1), full(7)]) == {"A": 10, "B": 300, "C": 60}


def test_days_that_changed_and_records_that_have_expired(load: Load, clock: FakeClock) -> None:
    today = clock.time() // 86_400 * 86_400
    days = [plain(0, timestamp=format_timestamp(today - 86_400 * day)) for day in (0, 1, 2, 3)]
    loader = load(days, retention_days=2)
    assert counts(loader) == (2, 0, 0, 0, 2)
    assert loader.changed_days == {days[0].timestamp[:10], days[1].timestamp[:10]}
    assert load(days, retention_days=2).changed_days == set()


def test_keys_of_a_newer_version_are_said_once(load: Load) -> None:
    said: list[str] = []
    loader = load(warn=said.append)
    for number in (1, 2):
        loader.add(plain(number), plain(number).to_line()[:-1] + ',"depth_change":1}')
        loader.flush()
    assert said == ["keys that this version does not know are left out of the table"]


def test_two_loads_at_once_under_throttling(stored: StoredTable, load: Load, proxy: TableProxy) -> None:
    """The first measurement wins, and together they count each record once."""
    proxy.faults["PutItem"] = deque(["throttled", "lost", "500", "ok"] * 20)
    one, other = ([plain(3 * minute, timestamp=format_timestamp(PAST + 60 * minute + second)) for minute in range(40)]
                  for second in (0, 30))  # fmt: skip
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(load, (one, other)))
    assert (sum(loader.loaded for loader in found), sum(loader.different for loader in found)) == (40, 40)
    before = stored.records()
    assert len({record.timestamp[:16] for record in before}) == len(before) == 40
    assert sum(load(batch).already_there for batch in (one, other)) == 40
    assert stored.records() == before


def test_a_table_that_fails_for_good_ends_it_and_says_what_is_not_stored(load: Load, proxy: TableProxy) -> None:
    loader = load()
    loader.add(FIRST, FIRST.to_line())
    proxy.stop()
    with pytest.raises(TransientStoreError):
        loader.flush()
    assert (counts(loader), len(loader.batch)) == ((0, 0, 0, 0, 0), 1)
    proxy.start()
    loader.flush()
    assert counts(loader) == (1, 0, 0, 0, 0)


def test_a_folder_gets_each_line_once_however_its_days_are_kept(tmp_path: Path) -> None:
    day, next_day = tmp_path / "obi/2026-11-22.jsonl", plain(24 * 60)

    def fill(*records: Record) -> Bulk:
        loader = into_folder(Folder(tmp_path / "obi"))
        for record in records:
            loader.add(record, record.to_line())
        loader.flush()
        return loader

    assert counts(fill(FIRST, FULL, LATER, FIRST, REASON, NOTHING, next_day)) == (4, 1, 0, 2, 0)
    assert day.read_text().splitlines() == [record.to_line() for record in (FIRST, FULL, LATER, REASON)]
    day.with_suffix(".jsonl.gz").write_bytes(gzip.compress(day.read_bytes()))
    day.unlink()
    for number in (2, 3):
        loader = fill(LATER, FIRST, REASON, next_day, plain(number))
        assert (counts(loader), loader.changed_days) == ((1, 3, 0, 1, 0), {"2026-11-22"})
    assert day.read_text().splitlines() == [plain(2).to_line(), plain(3).to_line()]


def test_a_full_batch_is_stored(tmp_path: Path) -> None:
    """So that memory is bounded, whatever the file."""
    loader = into_folder(Folder(tmp_path))
    for number in range(BATCH_RECORDS):
        loader.add(FIRST, f"{FIRST.to_line()} {number}")
    assert (loader.loaded, loader.batch) == (BATCH_RECORDS, {})
