"""A day of the table becomes one file in the bucket, whole or not at all, and the check finds what is not whole."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.archive import PAST, Archive, archives, record
from support.program import PATIENCE_SECONDS, ROOT, environment
from support.servers import aws_client, moto

from handler.archive.check import check_archive
from handler.archive.days import Day
from handler.archive.writer import RESERVED_SECONDS, write_day
from handler.errors import ArchiveError, TableError
from handler.record import Record, Series
from handler.settings import Settings
from handler.stores.archive_bucket import ArchiveBucket
from handler.stores.items import item_from_record
from handler.stores.table import Table
from infra.testkit.clock import FakeClock

DAY = Day(PAST)
BTC, ETH = Series("BTCUSDT", 5), Series("ETHUSDT", 5)
WRITER = "archive-ArchiveFunction"
COMMAND = (
    f"""aws lambda invoke --function-name {WRITER} --payload '{{"day": "%s"}}'"""
    " --cli-binary-format raw-in-base64-out --cli-read-timeout 900 /dev/stdout"
)
KEY = f"dt={DAY}/records.parquet"
RECORDS = [record(minute, symbol) for symbol in ("BTCUSDT", "ETHUSDT") for minute in (0, 1, 3, 1439)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as found:
        yield found


@pytest.fixture(scope="module")
def new_archive(url: str) -> Iterator[Callable[[], Archive]]:
    with archives(url) as new:
        yield new


@pytest.fixture
def table(new_archive: Callable[[], Archive]) -> Archive:
    return new_archive()


@pytest.fixture(scope="module")
def s3(url: str) -> Iterator[Any]:
    with aws_client("s3", url) as client:
        yield client


@pytest.fixture
def bucket(table: Archive, s3: Any) -> ArchiveBucket:
    s3.create_bucket(Bucket=table.name)
    return ArchiveBucket(table.name, s3)


def fill(table: Archive, records: Sequence[Record], retention_days: int = 0) -> None:
    table.fill([item_from_record(one, 60, retention_days) for one in records])


def write(table: Archive, bucket: ArchiveBucket, day: Day = DAY, series: Sequence[Series] = (BTC, ETH)) -> Any:
    return write_day(day, series, Table(table.name, client=table.client), bucket, lambda: 900.0)


def check(table: Archive, bucket: ArchiveBucket, today: Day, *series: Series) -> list[str]:
    days = check_archive(today, series or (BTC, ETH), Table(table.name, client=table.client), bucket, WRITER)
    return [str(day) for day in days]


def content(s3: Any, bucket: ArchiveBucket, day: Day = DAY) -> bytes:
    found: bytes = s3.get_object(Bucket=bucket.name, Key=f"dt={day}/records.parquet")["Body"].read()
    return found


def test_day(table: Archive, bucket: ArchiveBucket, s3: Any) -> None:
    """Its records, by series and slot, in a row group for each series; none of another day or series."""
    others = [record(-1), record(1440), record(symbol="BNBUSDT"), record(levels=20)]
    fill(table, [*reversed(RECORDS), *others])
    written = write(table, bucket)
    file = content(s3, bucket)
    assert written == (len(RECORDS), len(file))
    rows = pq.read_table(io.BytesIO(file)).to_pylist()
    assert [(row["symbol"], row["timestamp"].timestamp()) for row in rows] == [
        (one.symbol, PAST + 60 * minute + 7) for one, minute in zip(RECORDS, [0, 1, 3, 1439] * 2, strict=True)
    ]
    assert pq.read_metadata(io.BytesIO(file)).num_row_groups == 2
    assert bucket.rows(str(DAY)) == {BTC.key: 4, ETH.key: 4}


def test_day_again(table: Archive, bucket: ArchiveBucket, s3: Any) -> None:
    """The same records give the same bytes; what was loaded since is in it."""
    fill(table, RECORDS)
    write(table, bucket)
    first = content(s3, bucket)
    write(table, bucket)
    assert content(s3, bucket) == first
    fill(table, [record(700)])
    assert write(table, bucket).records == len(RECORDS) + 1
    assert content(s3, bucket) != first


def test_reads_are_consistent(table: Archive, bucket: ArchiveBucket) -> None:
    """What was stored a moment ago is in the file."""
    fill(table, RECORDS)
    asked: list[bool] = []
    event = "before-parameter-build.dynamodb.Query"
    note = lambda params, **_: asked.append(params["ConsistentRead"])  # noqa: E731
    table.client.meta.events.register(event, note)
    try:
        write(table, bucket)
    finally:
        table.client.meta.events.unregister(event, note)
    assert asked == [True, True]


def test_no_time_left(table: Archive, bucket: ArchiveBucket, s3: Any) -> None:
    """It ends before the function would be stopped, says how far it came, and leaves the former file."""
    fill(table, RECORDS)
    write(table, bucket)
    former = content(s3, bucket)
    fill(table, [record(700)])
    seconds = iter([RESERVED_SECONDS, RESERVED_SECONDS - 0.001])
    with pytest.raises(ArchiveError, match=f"{DAY} is not written: there was time to read only 1 of 2 series; deploy"):
        write_day(DAY, (BTC, ETH), Table(table.name, client=table.client), bucket, lambda: next(seconds))
    assert content(s3, bucket) == former


def test_item_that_is_no_record(table: Archive, bucket: ArchiveBucket, s3: Any) -> None:
    """One sentence names it, and there is no file."""
    fill(table, RECORDS)
    table.fill([item_from_record(record(5, "ETHUSDT"), 60) | {"obi": {"S": "x"}}])
    with pytest.raises(TableError, match="ETHUSDT#5 at 2024-01-01T00:05:00Z: invalid item"):
        write(table, bucket)
    assert bucket.days() == []


def test_no_record(table: Archive, bucket: ArchiveBucket) -> None:
    """A day of which the table holds nothing is an error, and has no file."""
    fill(table, [record(1440)])
    with pytest.raises(ArchiveError, match=f"{DAY} is not written: table {table.name} holds no record of it"):
        write(table, bucket)
    assert bucket.days() == []


def test_days(bucket: ArchiveBucket, s3: Any) -> None:
    """Those with a file, in order, past what else is in the bucket."""
    keys = [
        "dt=2024-02-01/records.parquet",
        "dt=2024-01-03/records.parquet",
        "dt=2024-01-02/other",
        "dt=x",
        "_athena/1",
    ]
    for key in keys:
        s3.put_object(Bucket=bucket.name, Key=key, Body=b"")
    assert bucket.days() == ["2024-01-03", "2024-02-01"]


def test_bucket_errors(bucket: ArchiveBucket, s3: Any) -> None:
    """Each names the bucket and what was wanted of it."""
    missing = ArchiveBucket("missing", s3)
    with pytest.raises(ArchiveError, match=r"bucket missing: dt=2024-01-01/records\.parquet: .*NoSuchBucket"):
        missing.upload("2024-01-01", io.BytesIO(b"x"))
    with pytest.raises(ArchiveError, match=r"bucket missing: its days: .*NoSuchBucket"):
        missing.days()
    with pytest.raises(ArchiveError, match=f"bucket {bucket.name}: {KEY}: .*NoSuchKey"):
        bucket.rows(str(DAY))
    s3.put_object(Bucket=bucket.name, Key=KEY, Body=b"no Parquet at all")
    with pytest.raises(ArchiveError, match=f"bucket {bucket.name}: {KEY} is not a file of the archive"):
        bucket.rows(str(DAY))


def test_whole(table: Archive, bucket: ArchiveBucket) -> None:
    """Days before the archive's first file are not looked for, nor is a day of which the table has nothing."""
    assert check(table, bucket, DAY) == []  # no day was written yet
    fill(table, [record(-1440), *RECORDS, record(2 * 1440)])
    write(table, bucket)
    assert check(table, bucket, DAY.before(-1)) == []  # yesterday's has a file: it is counted when it is two days old
    write(table, bucket, DAY.before(-2))
    assert check(table, bucket, DAY.before(-4)) == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


def test_more_in_the_archive(table: Archive, bucket: ArchiveBucket) -> None:
    """A pair that is no longer sampled, and what has expired since, make no fault."""
    fill(table, RECORDS)
    write(table, bucket)
    for item in table.items()[:2]:
        table.client.delete_item(TableName=table.name, Key={name: item[name] for name in ("series", "slot")})
    assert str(DAY) in check(table, bucket, DAY.before(-3), ETH)
    assert str(DAY) in check(table, bucket, DAY.before(-3))


@pytest.mark.parametrize("days_ago", [2, 3, 4])
def test_loaded_late(table: Archive, bucket: ArchiveBucket, days_ago: int) -> None:
    """A record more in the table than in the file is an error that names day, series, counts and command."""
    fill(table, RECORDS)
    write(table, bucket)
    fill(table, [record(700, "ETHUSDT")])
    expected = (
        "2024-01-01 is not whole: of ETHUSDT#5 the table holds 5 and the archive 4 records."
        f" Write again what is not whole: {COMMAND % str(DAY)}"
    )
    with pytest.raises(ArchiveError) as caught:
        check(table, bucket, DAY.before(-days_ago))
    assert str(caught.value) == expected
    write(table, bucket)
    assert str(DAY) in check(table, bucket, DAY.before(-days_ago))


def test_missing(table: Archive, bucket: ArchiveBucket) -> None:
    """A day without a file, of which the table holds records, is found for a week; all such days are named at once."""
    fill(table, [record(1440 * day, symbol) for day in (0, 1, 2) for symbol in ("BTCUSDT", "ETHUSDT")])
    write(table, bucket)
    expected = (
        "2024-01-02 has no file, and of BTCUSDT#5 the table holds 1 and the archive 0 records (and 1 more series);"
        " 2024-01-03 has no file, and of BTCUSDT#5 the table holds 1 and the archive 0 records (and 1 more series)."
        f" Write again what is not whole: {COMMAND % '2024-01-02'}; {COMMAND % '2024-01-03'}"
    )
    for today in (DAY.before(-3), DAY.before(-8)):
        with pytest.raises(ArchiveError) as caught:
            check(table, bucket, today)
        assert str(caught.value) == expected
    assert "2024-01-03" not in check(table, bucket, DAY.before(-10))


def test_count(table: Archive) -> None:
    """As many as a read gives, without what has expired."""
    fill(table, RECORDS)
    fill(table, [record(5)], retention_days=1)
    client = table.client
    for now, count in ((PAST + 3600, 5), (PAST + 3 * 86_400, 4)):
        found = Table(table.name, client=client, clock=FakeClock(time=now))
        assert found.count(BTC, DAY.start, DAY.end) == len(list(found.read(BTC, DAY.start, DAY.end))) == count
    assert found.count(BTC, DAY.end, DAY.end) == 0


def test_series_of_the_settings() -> None:
    """Every pair at every depth, in the order of the table's keys, which is that of the rows."""
    variables = {"OBI_SYMBOLS": "ETH,BTC", "OBI_LEVELS": "5,20", "OBI_BPS": "10", "OBI_MARKET": "usdm"}
    keys = [series.key for series in Settings.read({}, variables).series]
    assert keys == sorted(f"usdm:{pair}USDT{depth}" for pair in ("BTC", "ETH") for depth in ("#5", "#20", "@10bps"))


SCRIPT = """
import json, os, sys
from infra.testkit.lambda_context import LambdaContext
from handler.archive import app
from handler.errors import HandlerError
events = json.loads(sys.argv[1])
for number, (name, event) in enumerate(events, 1):
    if number == len(events):
        del os.environ["OBI_ARCHIVE_BUCKET"]
    try:
        print("returned", json.dumps(getattr(app, name)(event, LambdaContext(1e12))))
    except HandlerError as error:
        print("raised", type(error).__name__, error)
"""


def test_functions(table: Archive, bucket: ArchiveBucket, url: str) -> None:
    """A day is written and checked, and the log has the result as a JSON line; an error is one safe sentence.

    The last event comes without the variable that names the bucket.
    """
    fill(table, RECORDS)
    events = [
        ("lambda_handler", {"day": str(DAY), "execution_id": "e-1"}),
        ("check_handler", {"scheduled_time": "2024-01-04T07:10:00Z"}),
        ("lambda_handler", {"day": "\x1b[2J"}),
        ("lambda_handler", {"day": str(DAY)}),
    ]
    variables = table.environment | {"OBI_SYMBOLS": "BTC,ETH", "AWS_ENDPOINT_URL": url}
    variables |= {"OBI_ARCHIVE_BUCKET": bucket.name, "OBI_ARCHIVE_FUNCTION": WRITER}
    lines = run_functions(events, **variables)
    assert lines[1] == f'returned {{"day": "{DAY}", "records": 8, "bytes": {len_of(bucket)}}}'
    assert lines[3] == 'returned {"checked": ["2024-01-01", "2024-01-02", "2024-01-03"]}'
    assert lines[4].startswith(r"raised UsageError the event's day is '\x1b[2J': send it as YYYY-MM-DD")
    assert lines[5] == "raised UsageError the variable OBI_ARCHIVE_BUCKET is not set: deploy infra/archive.yaml"
    logged = json.loads(lines[0])
    assert (logged["level"], logged["correlation_id"]) == ("INFO", "e-1")
    assert logged["message"].startswith("done: {'day': '2024-01-01', 'records': 8")


def len_of(bucket: ArchiveBucket) -> int:
    length: int = bucket._client.head_object(Bucket=bucket.name, Key=KEY)["ContentLength"]
    return length


def run_functions(events: Sequence[tuple[str, Any]], **variables: str) -> list[str]:
    """What the functions print, in a process of their own, since they set up its logging."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(events)],
        cwd=Path(ROOT), env=environment(PYTHONPATH=str(ROOT), **variables), capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()
