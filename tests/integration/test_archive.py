"""The function of the archive against S3 and DynamoDB by moto: whatever happens to a day, no row of it is lost."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import duckdb
import pytest
from support.program import run
from support.records import full, reason
from support.servers import AWS, aws_client
from support.tables import StoredTable

from handler.archive import app
from handler.archive.day import format_day, parse_day
from handler.errors import HandlerError, StoreError, UsageError
from handler.record import Record
from handler.slots import DAY_SECONDS, format_timestamp
from handler.stores.bucket import Bucket
from handler.stores.item import item_from_record

DAY = "2026-11-24"
START = parse_day(DAY)
NOON = parse_day("2026-11-28") + 12 * 3600
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
DUCK = duckdb.connect()


class Cloud(NamedTuple):
    """A table and a bucket of its name, and how to look into both past the code under test."""

    table: StoredTable
    s3: Any
    environment: dict[str, str]
    copy: Path  # of a day's file

    @property
    def name(self) -> str:
        return self.table.name

    def put(self, records: Sequence[Record]) -> None:
        self.table.put(*(item_from_record(record, 60) for record in records))

    def expire(self, records: Sequence[Record]) -> None:
        for record in records:
            item = item_from_record(record, 60)
            self.table.client.delete_item(TableName=self.name, Key={key: item[key] for key in ("pair", "slot")})

    def write(self, monkeypatch: pytest.MonkeyPatch, symbols: str = "BTC,ETH,usdm:BTC", **event: Any) -> dict[str, Any]:
        monkeypatch.setenv("OBI_SYMBOLS", symbols)
        written = app.lambda_handler(event, CONTEXT)
        json.dumps(written)  # or Lambda could not return it
        return written

    def file(self) -> bytes:
        content: bytes = self.s3.get_object(Bucket=self.name, Key=f"dt={DAY}/records.parquet")["Body"].read()
        return content

    def rows(self, columns: str = "pair, strftime(slot, '%H:%M')") -> list[tuple[Any, ...]]:
        self.copy.write_bytes(self.file())
        with duckdb.connect() as duck:
            duck.execute("SET TimeZone = 'UTC'")
            return duck.execute(f"SELECT {columns} FROM read_parquet('{self.copy}')").fetchall()

    def days(self) -> list[str]:
        return [each["Key"][3:13] for each in self.s3.list_objects_v2(Bucket=self.name).get("Contents", ())]


@pytest.fixture
def cloud(stored: StoredTable, moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    variables = AWS | {"AWS_ENDPOINT_URL": moto_url, "OBI_TABLE": stored.name, "OBI_ARCHIVE_BUCKET": stored.name}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with aws_client("s3", moto_url) as s3:
        s3.create_bucket(Bucket=stored.name)
        yield Cloud(stored, s3, variables, tmp_path / "day.parquet")


def at(minute: int, symbol: str = "BTCUSDT", market: str = "spot", start: int = START, **changes: Any) -> Record:
    """A measurement of a minute of the day."""
    return full(symbol=symbol, market=market, timestamp=format_timestamp(start + 60 * minute + 7), **changes)


BTC = [at(minute) for minute in range(5)]
ETH = [at(minute, "ETHUSDT") for minute in range(3)]
USDM = [at(minute, market="usdm") for minute in range(2)]
ALL = [*BTC, *ETH, *USDM]
FORMER = [*ALL, reason(timestamp=format_timestamp(START + 300))]
LATE = [at(4), at(5), at(7), reason(timestamp=format_timestamp(START + 180))]
KEYS = sorted((record.pair, record.timestamp[11:16]) for record in ALL)


def test_day(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds every record and reason, and is the same each time."""
    late = reason(timestamp=format_timestamp(START + DAY_SECONDS - 60))
    others = [at(-1), at(24 * 60)]  # of the days around
    cloud.put([*ALL, late, *others])
    assert cloud.write(monkeypatch, day=DAY)[DAY] == {"rows": 11, "pairs": 3, "bytes": len(cloud.file())}
    assert cloud.rows() == sorted([*KEYS, ("BTCUSDT", "23:59")])
    values = (None, 0.153847, 99.0, 100.0, [[99.0, 2.5], [98.0, 1e-08]], [[101.0, 1.0]], BTC[0].notional_bid_within)
    assert cloud.rows("pair, reason, obi, best_bid, mid, bids, asks, notional_bid_within")[4:7] == [
        *(("BTCUSDT", *values), ("BTCUSDT", "timeout", *[None] * 6), ("ETHUSDT", *values))
    ]
    first = cloud.file()
    cloud.write(monkeypatch, day=DAY)
    assert cloud.file() == first
    groups = DUCK.execute(
        "SELECT stats_min_value, stats_max_value, row_group_num_rows, compression"
        f" FROM parquet_metadata('{cloud.copy}') WHERE path_in_schema = 'pair' ORDER BY row_group_id"
    ).fetchall()
    assert groups == [(pair, pair, n, "ZSTD") for pair, n in (("BTCUSDT", 6), ("ETHUSDT", 3), ("usdm:BTCUSDT", 2))]


def test_its_file_is_the_one_that_history_writes(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same columns and rows, and `history` prints the same of the archive as of the table."""
    cloud.put([*ALL, reason(timestamp=format_timestamp(START + 600))])
    cloud.write(monkeypatch, day=DAY)
    cloud.copy.write_bytes(cloud.file())
    exported = cloud.copy.with_stem("history")
    words = f"--symbol BTC ETH usdm:BTC --since {DAY} --until {DAY}T01:00:00Z --detail --reasons".split()
    table = ("history", "--table", cloud.name, *words)
    done = run(*table, "--output", str(exported), **cloud.environment)
    assert (done.returncode, done.stderr) == (0, "")
    both = [f"FROM read_parquet('{path}')" for path in (cloud.copy, exported)]
    here, there = (DUCK.execute(f"DESCRIBE {each}").fetchall() for each in both)
    assert here == there
    for first, second in (both, both[::-1]):
        assert DUCK.execute(f"{first} EXCEPT ALL {second}").fetchall() == []
    of_table, of_file = run(*table, **cloud.environment), run("history", "--from", str(cloud.copy), *words)
    assert of_table.stdout.count("\n") == 11
    assert of_file.stdout == of_table.stdout


@pytest.mark.parametrize(
    ("late", "replace", "kept", "reasons"), [([], False, FORMER, 1), (LATE, False, FORMER, 0), (LATE, True, USDM, 1)]
)
def test_what_has_expired_stays_unless_it_is_replaced(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, late: list[Record], replace: bool, kept: list[Record], reasons: int
) -> None:
    """Beside what is loaded late: 200 rows are never replaced by 10. A pair that the settings lack stays always.

    A measurement wins over a reason, whichever was there first.
    """
    cloud.put(FORMER)
    cloud.write(monkeypatch, day=DAY)
    first = cloud.file()
    cloud.expire(FORMER)
    cloud.put(late)
    cloud.write(monkeypatch, "BTC,ETH", day=DAY, replace=replace)
    assert (cloud.file() == first) == (not late)
    assert cloud.rows() == sorted({(one.pair, one.timestamp[11:16]) for one in [*kept, *late]})
    assert cloud.rows("count(reason)") == [(reasons,)]


def test_a_row_that_would_be_lost_ends_the_run(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one of the existing file that is invalid, and of which the table has no item; the file stays."""
    cloud.put(BTC)
    cloud.write(monkeypatch, "BTC", day=DAY)
    cloud.expire(BTC[:1])
    cloud.copy.write_bytes(cloud.file())
    changed = cloud.copy.with_stem("changed")
    rows = f"SELECT * REPLACE (if(file_row_number = 0, 7.0, obi) AS obi) FROM read_parquet('{cloud.copy}')"
    DUCK.execute(f"COPY ({rows}) TO '{changed}' (FORMAT parquet)")
    cloud.s3.put_object(Bucket=cloud.name, Key=f"dt={DAY}/records.parquet", Body=changed.read_bytes())
    with pytest.raises(StoreError, match=f"{DAY} is not written: rows of BTCUSDT would be lost"):
        cloud.write(monkeypatch, "BTC", day=DAY)
    assert cloud.file() == changed.read_bytes()


def test_a_removed_pair_keeps_its_last_day(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the nights between failed, and when the days before are written again."""
    last = START + 3 * DAY_SECONDS
    cloud.put([*ALL, *(at(minute, symbol, start=last) for symbol in ("BTCUSDT", "ETHUSDT") for minute in (0, 1))])
    cloud.write(monkeypatch, day=DAY)
    first = cloud.file()
    cloud.write(monkeypatch, "BTC", day=DAY)
    assert cloud.file() == first
    assert cloud.write(monkeypatch, "BTC", day=format_day(last))[format_day(last)]["pairs"] == 2


def test_a_run_does_not_replace_what_another_run_wrote_meanwhile(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Bucket.upload
    records = iter([ETH, USDM])

    def overtaken(self: Bucket, *arguments: Any, **options: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Bucket, "upload", upload)
            cloud.put(next(records))
            cloud.write(monkeypatch, day=DAY)
        upload(self, *arguments, **options)

    cloud.put(BTC)
    monkeypatch.setattr(Bucket, "upload", overtaken)
    for rows in (8, 10):  # the first time there was no file
        with pytest.raises(StoreError, match=f"dt={DAY}/records.parquet: another run has written it meanwhile"):
            cloud.write(monkeypatch, day=DAY)
        assert len(cloud.rows()) == rows


def test_a_night_writes_yesterday_and_the_days_without_a_file(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watched days that hold a record, once each; yesterday is written again."""
    monkeypatch.setattr(app, "WATCHED_DAYS", 4)
    monkeypatch.setattr("time.time", lambda: START + 5 * DAY_SECONDS + 4200)
    starts = [START + number * DAY_SECONDS for number in range(5)]
    days = [format_day(start) for start in starts]
    cloud.put([at(minute, start=start) for start in starts for minute in (1, 2) if start != starts[3]])
    assert list(cloud.write(monkeypatch, "BTC")) == [days[4], *days[1:4]]
    assert cloud.days() == [days[1], days[2], days[4]]
    cloud.s3.delete_object(Bucket=cloud.name, Key=f"dt={days[2]}/records.parquet")
    assert list(cloud.write(monkeypatch, "BTC")) == [days[4], days[2], days[3]]


def test_a_day_that_fails_does_not_keep_the_others_of_its_night(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "WATCHED_DAYS", 2)
    monkeypatch.setattr("time.time", lambda: START + DAY_SECONDS + 4200)
    cloud.put([at(1, start=START - DAY_SECONDS)])
    with pytest.raises(StoreError, match=f"{DAY} is not written: the table has no record of it; compare TableName"):
        cloud.write(monkeypatch, "BTC")
    assert cloud.days() == [format_day(START - DAY_SECONDS)]
    cloud.s3.put_object(Bucket=cloud.name, Key=f"dt={DAY}/records.parquet", Body=b"not a Parquet file")
    cloud.put(BTC)
    with pytest.raises(StoreError, match=r"/records\.parquet is not a file of records: delete it, or restore a"):
        cloud.write(monkeypatch, "BTC")
    assert cloud.file() == b"not a Parquet file"


def test_a_damaged_item_is_named_and_costs_only_itself(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.put(BTC)
    damaged = item_from_record(at(7), 60) | {"obi": {"S": "much"}}
    cloud.table.put(damaged)
    words = rf"{DAY}: 1 damaged item\(s\) were left out: table .*: BTCUSDT at .* delete it, then"
    with pytest.raises(StoreError, match=words):
        cloud.write(monkeypatch, day=DAY)
    assert len(cloud.rows()) == len(BTC)


Change = Callable[[pytest.MonkeyPatch], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda patch: patch.setenv("OBI_ARCHIVE_BUCKET", "nowhere"), "bucket nowhere: its days: "),
        (lambda patch: patch.setenv("OBI_TABLE", "nowhere"), "table nowhere: "),
        (lambda patch: patch.delenv("OBI_TABLE"), "the variable OBI_TABLE is not set"),
        (lambda patch: patch.setattr(app, "RESERVED_SECONDS", 1e3), f"{DAY} is not written: there was no time"),
    ],
)
def test_missing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, change: Change, message: str) -> None:
    """What is missing is one sentence."""
    change(monkeypatch)
    with pytest.raises(HandlerError, match=f"^{message}[^\n]*$"):
        cloud.write(monkeypatch, day=DAY)


@pytest.mark.parametrize(
    ("event", "asked"), [(None, (None, False)), ({"day": DAY}, (DAY, False)), ({"day": DAY, "replace": True}, (DAY, 1))]
)
def test_an_event_names_a_day_or_nothing(event: Any, asked: tuple[str | None, bool]) -> None:
    assert app.requested_day(event, NOON) == asked


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"day": "2026-11-28"}, "2026-11-28 is not over: send it after 2026-11-29T00:05:00Z"),
        ({"day": "2023-12-31"}, "2023-12-31 is before 2024-01-01"),
        ({"day": "yesterday"}, "the event is {'day': 'yesterday'}, and 'yesterdayT00:00:00Z' is not a time"),
        ({"day": 20261124}, "the event is {'day': 20261124}, and Expected `str`, got `int`"),
        ({"day": "2026-11-24", "force": True}, "the event is "),
    ],
)
def test_a_wrong_event_is_refused_with_the_right_one(event: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        app.requested_day(event, NOON)
