"""The archive, deployed into an emulator of AWS that enforces IAM policies: it is whole, and a day is always the same.

Athena is the emulator's DuckDB there, which knows no partition projection: test_archive_template.py has the rest.
"""

import signal
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError
from support.program import run as run_program
from support.servers import AWS, clean_environment, create_table

from deploy.account import Account
from deploy.archive_stack import LEVELS, PAIRS, SERIES, ArchiveStack, items_of, key, rows_of
from deploy.emulator import emulate
from deploy.tools import PATIENCE_SECONDS, RUNTIME
from handler.archive.days import Day
from handler.slots import format_timestamp, parse_timestamp
from handler.stores.items import Item, item_from_record, record_from_item

WRITE, CHECK = "ArchiveFunctionName", "ArchiveCheckFunctionName"
TODAY = Day.of(time.time())
DAYS = [TODAY.before(number) for number in (4, 3, 2)]
"""Those that a check counts."""
HOURLY = (
    "SELECT series, CAST(date_trunc('hour', slot) AS varchar), count(*), count(DISTINCT slot), avg(obi) FROM records"
    f" WHERE dt BETWEEN '{DAYS[0]}' AND '{DAYS[-1]}' GROUP BY 1, 2 ORDER BY 1, 2"
)
KILLED = """
import os, signal
from itertools import count
from types import SimpleNamespace
from handler.archive.app import lambda_handler

series = count()

def remaining():  # asked before each series
    if next(series) == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return 900_000

context = SimpleNamespace(function_name="archive", memory_limit_in_mb=1769, invoked_function_arn="arn",
                          aws_request_id="one", get_remaining_time_in_millis=remaining)
lambda_handler({"day": "DAY"}, context)
"""
"""A run that is killed when it has read half of the series."""

Hours = dict[tuple[str, str], tuple[int, int, float]]


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return items_of(DAYS)


@pytest.fixture(scope="module")
def stack(account: Account, items: list[Item]) -> ArchiveStack:
    """A stack whose table is filled. Its bucket takes requests by TLS only, and so denies all of this emulator."""
    levels = ",".join(map(str, LEVELS))
    parameters = [f"Symbols={','.join(PAIRS)}", f"Levels={levels}", "Dashboard=false", "Archive=true"]
    account.deploy(*parameters, stack="archive")
    stack = ArchiveStack(account, account.outputs("archive"))
    stack.put(items)
    assert "explicit deny in a resource-based policy" in stack.write(DAYS[0])["errorMessage"]
    account.client("s3").delete_bucket_policy(Bucket=stack.bucket)
    return stack


@pytest.fixture(scope="module")
def written(stack: ArchiveStack, items: list[Item], runnable_archive: Path) -> dict[Day, bytes]:
    """The file of each day. Before the second one was written, a first attempt was killed in the middle."""
    files = {}
    for number, day in enumerate(DAYS):
        assert stack.file(day) is None
        if number == 1:
            kill_while_reading(stack, runnable_archive, day)
            assert stack.file(day) is None
        answer = stack.write(day)
        content = stack.file(day)
        assert content is not None, answer
        expected = [item for item in items if item["slot"]["S"].startswith(str(day))]
        assert answer == {"day": str(day), "records": len(expected), "bytes": len(content)}
        files[day] = content
    return files


def kill_while_reading(stack: ArchiveStack, artifact: Path, day: Day) -> None:
    """Run the artifact under the role of the function, as far as half of the series."""
    environment = AWS | stack.variables(WRITE) | stack.keys(WRITE) | {"AWS_ENDPOINT_URL": stack.account.url}
    done = subprocess.run(
        [RUNTIME, "-P", "-S", "-B", "-c", KILLED.replace("DAY", str(day))],
        env=clean_environment(PYTHONPATH=str(artifact), **environment),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def hours_of(items: list[Item]) -> Hours:
    """Of each series and hour: how many records, how many slots, and the mean."""
    found: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        found[item["series"]["S"], item["slot"]["S"][:13]].append(item)
    return {
        where: (len(each), len({item["slot"]["S"] for item in each}), fmean(float(item["obi"]["N"]) for item in each))
        for where, each in found.items()
    }


def hours_of_rows(rows: list[Any]) -> Hours:
    return {(row[0], row[1][:13].replace(" ", "T")): (int(row[2]), int(row[3]), float(row[4])) for row in rows}


def assert_same(found: Hours, expected: Hours) -> None:
    assert {where: each[:2] for where, each in found.items()} == {where: each[:2] for where, each in expected.items()}
    assert [found[where][2] for where in expected] == pytest.approx([each[2] for each in expected.values()], abs=1e-12)


def synced(files: dict[Day, bytes], folder: Path) -> Path:
    """What `aws s3 sync` makes of the bucket."""
    for day, content in files.items():
        path = folder / key(day)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return folder


def test_a_file_is_sorted_with_a_row_group_for_each_series(written: dict[Day, bytes], items: list[Item]) -> None:
    for day, content in written.items():
        rows = [(row["series"], row["slot"].timestamp()) for row in rows_of(content)]
        assert rows == sorted(
            (item["series"]["S"], parse_timestamp(item["slot"]["S"]))
            for item in items
            if item["slot"]["S"].startswith(str(day))
        )


def test_a_day_that_is_written_again_is_the_same_file(stack: ArchiveStack, written: dict[Day, bytes]) -> None:
    """Byte by byte; and a run that is killed leaves the file as it was."""
    stack.write(DAYS[2])
    assert stack.file(DAYS[2]) == written[DAYS[2]]


def test_a_run_that_is_killed_leaves_the_former_file(
    stack: ArchiveStack, written: dict[Day, bytes], runnable_archive: Path
) -> None:
    kill_while_reading(stack, runnable_archive, DAYS[0])
    assert stack.file(DAYS[0]) == written[DAYS[0]]


def test_athena_finds_what_the_table_holds(stack: ArchiveStack, written: dict[Day, bytes], items: list[Item]) -> None:
    assert_same(hours_of_rows(stack.query(HOURLY)), hours_of(items))
    results = stack.account.client("s3").list_objects_v2(Bucket=stack.bucket, Prefix="_athena/")
    assert results["KeyCount"] > 0  # or the workgroup does not say where results go


def test_duckdb_finds_what_the_table_holds(written: dict[Day, bytes], items: list[Item], tmp_path: Path) -> None:
    files = (
        f"read_parquet('{synced(written, tmp_path)}/*/*.parquet', hive_partitioning = true, hive_types_autocast = 0)"
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(HOURLY.replace("FROM records", f"FROM {files}")).fetchall()
    assert_same(hours_of_rows(rows), hours_of(items))


def test_history_reads_the_same_from_the_archive_and_from_the_table(
    stack: ArchiveStack, written: dict[Day, bytes], tmp_path: Path
) -> None:
    command = ["history", "--symbol", *PAIRS, "--levels", *map(str, LEVELS), "--detail"]
    command += ["--since", str(DAYS[0]), "--until", str(Day(DAYS[-1].end))]
    environment = AWS | {"AWS_ENDPOINT_URL": stack.account.url}
    of_table = run_program(*command, "--table", stack.table, **environment)
    of_files = run_program(*command, "--from", str(synced(written, tmp_path)))
    assert (of_table.returncode, of_files.returncode) == (0, 0)
    assert of_table.stdout.count("\n") == sum(len(rows_of(content)) for content in written.values())
    assert of_files.stdout == of_table.stdout


def test_the_artifact_runs_by_itself(
    stack: ArchiveStack, written: dict[Day, bytes], runnable_archive: Path, tmp_path: Path
) -> None:
    """Under the Runtime Interface Emulator, where an import that it lacks would fail, and with the keys of its role."""
    environment = stack.variables(WRITE) | stack.keys(WRITE) | {"AWS_ENDPOINT_URL": stack.account.url}
    stack.account.client("s3").delete_object(Bucket=stack.bucket, Key=key(DAYS[2]))
    with emulate(runnable_archive, tmp_path, handler="handler.archive.app.lambda_handler", **environment) as function:
        assert function.invoke({"day": str(DAYS[2])})["bytes"] == len(written[DAYS[2]])
    assert stack.file(DAYS[2]) == written[DAYS[2]]
    assert '"message":"done: ' in function.log
    environment = stack.variables(CHECK) | stack.keys(CHECK) | {"AWS_ENDPOINT_URL": stack.account.url}
    with emulate(runnable_archive, tmp_path, handler="handler.archive.app.check_handler", **environment) as function:
        assert function.invoke({}) == {"checked": [str(day) for day in [*DAYS, TODAY.before(1)]]}


def test_a_check_finds_what_was_loaded_late_until_the_day_is_written_again(
    stack: ArchiveStack, written: dict[Day, bytes], items: list[Item]
) -> None:
    checked = {"checked": [str(day) for day in [*DAYS, TODAY.before(1)]]}
    first = next(item for item in items if item["slot"]["S"].startswith(str(DAYS[1])))
    late = record_from_item(first)._replace(timestamp=format_timestamp(DAYS[1].start + 60))
    stack.put([item_from_record(late, 60)])
    message = stack.check(TODAY.before(1))["errorMessage"]
    rows = sum(row["series"] == late.series.key for row in rows_of(written[DAYS[1]]))
    assert f"{DAYS[1]} is not whole: of {late.series.key} the table holds {rows + 1} and" in message
    command = stack.outputs["ArchiveDay"].replace("YYYY-MM-DD", str(DAYS[1]))
    assert message.endswith(f"and the archive {rows} records. Write again what is not whole: {command}")
    assert stack.write(DAYS[1])["records"] == len(rows_of(written[DAYS[1]])) + 1
    assert stack.check(TODAY.before(1)) == checked
    stack.account.client("dynamodb").delete_item(
        TableName=stack.table, Key={name: item_from_record(late, 60)[name] for name in ("series", "slot")}
    )
    assert stack.check(TODAY.before(1)) == checked  # the archive may hold more
    stack.write(DAYS[1])


def test_a_check_finds_a_missing_file_but_none_before_the_first(stack: ArchiveStack, written: dict[Day, bytes]) -> None:
    s3 = stack.account.client("s3")
    s3.delete_object(Bucket=stack.bucket, Key=key(DAYS[1]))
    message = stack.check(TODAY.before(1))["errorMessage"]
    assert message.startswith(f"{DAYS[1]} has no file, and of {SERIES[0].key} the table holds ")
    assert "(and 17 more series)" in message
    s3.delete_object(Bucket=stack.bucket, Key=key(DAYS[0]))
    assert stack.check(TODAY.before(1)) == {"checked": [str(day) for day in [DAYS[2], TODAY.before(1)]]}
    for day in DAYS[:2]:
        stack.write(day)
        assert stack.file(day) == written[day]


def test_a_day_without_a_record_is_an_error(stack: ArchiveStack, written: dict[Day, bytes]) -> None:
    message = stack.write(TODAY.before(5))["errorMessage"]
    assert message.startswith(f"{TODAY.before(5)} is not written: table {stack.table} holds no record of it")
    assert stack.file(TODAY.before(5)) is None


ITEM = {"series": {"S": "TEST#5"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
Call = tuple[str, str, dict[str, Any]]


def query(table: str) -> Call:
    values = {":one": {"S": "P0USDT#5"}}
    request = {"TableName": table, "KeyConditionExpression": "series = :one", "ExpressionAttributeValues": values}
    return "dynamodb", "query", request


def denied_of_the_table(table: str) -> list[Call]:
    return [
        ("dynamodb", "scan", {"TableName": table}),
        ("dynamodb", "get_item", {"TableName": table, "Key": ITEM}),
        ("dynamodb", "put_item", {"TableName": table, "Item": ITEM}),
        ("dynamodb", "delete_item", {"TableName": table, "Key": ITEM}),
    ]


@pytest.mark.parametrize(
    ("function", "allowed", "denied"),
    [
        (
            WRITE,
            [("put_object", {"Key": "dt=2000-01-01/records.parquet", "Body": b"1"})],
            [
                ("put_object", {"Key": "_athena/1", "Body": b"1"}),
                ("put_object", {"Key": "records.parquet", "Body": b"1"}),
                ("get_object", {"Key": key(DAYS[0])}),
                ("delete_object", {"Key": key(DAYS[0])}),
                ("list_objects_v2", {"Prefix": "dt="}),
            ],
        ),
        (
            CHECK,
            [("get_object", {"Key": key(DAYS[0])}), ("list_objects_v2", {"Prefix": "dt="})],
            [
                ("put_object", {"Key": key(DAYS[0]), "Body": b"1"}),
                ("get_object", {"Key": "_athena/1"}),
                ("delete_object", {"Key": key(DAYS[0])}),
                ("list_objects_v2", {}),
            ],
        ),
    ],
    ids=["writer", "check"],
)
def test_a_role_allows_what_its_function_does_and_nothing_else(
    stack: ArchiveStack, written: dict[Day, bytes], function: str, allowed: list[Any], denied: list[Any]
) -> None:
    s3 = stack.account.client("s3")
    s3.create_bucket(Bucket=f"another-{function.lower()}")
    other_table = create_table(stack.account.client("dynamodb"))
    with stack.client_as(function, "s3") as s3_as, stack.client_as(function, "dynamodb") as dynamodb_as:
        clients = {"s3": s3_as, "dynamodb": dynamodb_as}
        may: list[Call] = [query(stack.table)]
        may += [("s3", call, {"Bucket": stack.bucket} | parameters) for call, parameters in allowed]
        may_not = [*denied_of_the_table(stack.table), query(other_table)]
        may_not += [("s3", call, {"Bucket": stack.bucket} | parameters) for call, parameters in denied]
        may_not += [("s3", call, {"Bucket": f"another-{function.lower()}"} | each) for call, each in allowed]
        for service, call, parameters in may:
            getattr(clients[service], call)(**parameters)
        for service, call, parameters in may_not:
            with pytest.raises(ClientError, match="AccessDenied"):
                getattr(clients[service], call)(**parameters)
    s3.delete_object(Bucket=stack.bucket, Key="dt=2000-01-01/records.parquet")
