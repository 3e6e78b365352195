"""The archive as docs/archive.md deploys it, in an emulator of AWS that enforces IAM policies.

Athena is the emulator's DuckDB there, which knows no partition projection.
"""

import json
import re
import time
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from botocore.exceptions import ClientError
from support.records import full, reason

from deploy.account import REGION, Account
from deploy.tools import ROOT, emulate, template
from handler.archive.app import FIRST_DAY
from handler.archive.day import WATCHED_DAYS, format_day, parse_day
from handler.slots import DAY_SECONDS, format_timestamp
from handler.stores.item import item_from_record
from infra.testkit.aws import create_table

PAGE = (ROOT / "docs/archive.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
RESOURCES: dict[str, Any] = template(ROOT / "infra/archive.yaml")["Resources"]
ATHENA_TYPES = {
    "VARCHAR": "string",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "DOUBLE[]": "array<double>",
    "DOUBLE[][]": "array<array<double>>",
}
MAX_UNZIPPED_BYTES = 250_000_000  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
YESTERDAY = parse_day(format_day(time.time())) - DAY_SECONDS
DAYS = [YESTERDAY - number * DAY_SECONDS for number in (2, 1, 0)]
PAIRS = [("BTCUSDT", "spot"), ("ETHUSDT", "spot"), ("BTCUSDT", "usdm")]
RECORDS = [
    full(
        symbol=symbol, market=market, timestamp=format_timestamp(day + 600 * step + 7), obi=step / 1000 + number / 10**5
    )
    for day in DAYS
    for number, (symbol, market) in enumerate(PAIRS)
    for step in range(144)
] + [reason(timestamp=format_timestamp(DAYS[0] + 60))]


class Archive(NamedTuple):
    """The deployed stack."""

    account: Account
    outputs: dict[str, str]

    @property
    def bucket(self) -> str:
        """The name of its bucket."""
        return self.outputs["BucketName"]

    def file(self, day: int) -> bytes:
        """The file of a day."""
        key = f"dt={format_day(day)}/records.parquet"
        content: bytes = self.account.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def ask(self, athena: Any, query: str) -> list[list[str]]:
        """The rows that Athena answers. The emulator checks permissions for all but the start against `*`."""
        context = {"Database": self.outputs["DatabaseName"]}
        group = self.outputs["WorkGroupName"]
        started = athena.start_query_execution(QueryString=query, QueryExecutionContext=context, WorkGroup=group)
        athena, found = self.account.client("athena"), {"State": "QUEUED"}
        while found["State"] in ("QUEUED", "RUNNING"):
            found = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]["Status"]
        assert found["State"] == "SUCCEEDED", found
        rows = athena.get_query_results(QueryExecutionId=started["QueryExecutionId"])["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in rows[1:]]


@pytest.fixture(scope="module")
def archive(account: Account) -> Archive:
    """Deployed beside a table with three days of records."""
    dynamodb, sqs = account.client("dynamodb"), account.client("sqs")
    table = create_table(dynamodb)
    puts = [{"PutRequest": {"Item": item_from_record(record, 60)}} for record in RECORDS]
    for start in range(0, len(puts), 25):
        assert not dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})["UnprocessedItems"]
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    given = {"TableName": table, "FailuresArn": arn, "Symbols": "BTC,ETH", "UsdmSymbols": "BTC"}
    outputs = account.deploy("obi-archive", "archive", **given)
    account.client("s3").delete_bucket_policy(Bucket=outputs["BucketName"])  # it refuses HTTP, the emulator's protocol
    return Archive(account, outputs)


@pytest.fixture(scope="module")
def written(archive: Archive) -> dict[str, Any]:
    """What the function answers to the schedule's event, on the first night."""
    (schedule,) = (each for each in RESOURCES.values() if each["Type"] == "AWS::Scheduler::Schedule")
    event = json.loads(schedule["Properties"]["Target"]["Input"])
    answer: dict[str, Any] = archive.account.target("obi-archive").invoke(archive.outputs["FunctionName"], event)
    return answer


def test_first_night(written: dict[str, Any]) -> None:
    """It writes all days of the table."""
    assert len(written) == WATCHED_DAYS
    assert {day: done["rows"] for day, done in written.items() if done["rows"]} == {
        format_day(day): 3 * 144 + (day == DAYS[0]) for day in DAYS
    }


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_queries_of_the_page(archive: Archive, written: dict[str, Any], query: str, tmp_path: Path) -> None:
    """Athena and DuckDB answer them alike."""
    first, middle, last = map(format_day, DAYS)
    query = re.sub(r"BETWEEN '\S+' AND '\S+'", f"BETWEEN '{first}' AND '{last}'", query)
    query = re.sub(r"(dt = |TIMESTAMP )'2026-11-20", rf"\1'{middle}", query)
    for day in DAYS:
        folder = tmp_path / f"archive/dt={format_day(day)}"
        folder.mkdir(parents=True)
        (folder / "records.parquet").write_bytes(archive.file(day))
    [view] = re.findall(r'"(CREATE VIEW records AS)"\s+" (FROM .*?)"\n', PAGE)
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.execute(" ".join(view).replace("'archive/", f"'{tmp_path}/archive/"))
        here = [[str(cell)[:19] for cell in row] for row in duck.execute(query).fetchall()]
    there = [[cell[:19] for cell in row] for row in archive.ask(archive.account.client("athena"), query)]
    assert here
    assert [row[0] for row in there] == [row[0] for row in here[: len(there)]]


def test_the_artifact_runs_by_itself(archive: Archive, written: dict[str, Any], tmp_path: Path) -> None:
    """Under the Runtime Interface Emulator, where an import that it lacks would fail, and with the keys of its role."""
    artifact = archive.account.built / "archive/ArchiveFunction"
    assert sum(file.stat().st_size for file in artifact.rglob("*") if file.is_file()) < MAX_UNZIPPED_BYTES / 2
    account, name = archive.account, archive.outputs["FunctionName"]
    function = account.client("lambda").get_function(FunctionName=name)["Configuration"]
    variables = account.environment | account.role_of(name) | function["Environment"]["Variables"]
    assert variables["OBI_SYMBOLS"] == "BTC,ETH,usdm:BTC"
    day = format_day(DAYS[2])
    with emulate(artifact, tmp_path, handler="handler.archive.app.lambda_handler", **variables) as running:
        assert running.invoke({"day": day}) == {day: written[day]}
        assert f"{day}: {{'rows': 432, 'pairs': 3" in running.log


def test_a_reader_may_copy_and_ask_and_nothing_else(archive: Archive, written: dict[str, Any]) -> None:
    [policy] = re.findall(r"<!-- policy: archive -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    names = {"BUCKET": archive.bucket, "REGION": REGION, "ACCOUNT": "000000000000"}
    names |= {"WORKGROUP": archive.outputs["WorkGroupName"], "DATABASE": archive.outputs["DatabaseName"]}
    user = archive.account.user_with(re.sub("|".join(names), lambda found: names[found[0]], policy))
    s3, athena = archive.account.client_as(user, "s3"), archive.account.client_as(user, "athena")
    key = {"Bucket": archive.bucket, "Key": f"dt={format_day(DAYS[0])}/records.parquet"}
    s3.list_objects_v2(Bucket=archive.bucket, Prefix="dt=")
    s3.get_object(**key)
    assert archive.ask(athena, "SELECT count(*) FROM records WHERE reason IS NOT NULL") == [["1"]]
    with pytest.raises(ClientError, match="AccessDenied"):
        athena.start_query_execution(QueryString="SELECT 1", WorkGroup="primary")
    for call, parameters in (("put_object", {"Body": b"1"}), ("delete_object", {})):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(s3, call)(**key, **parameters)


def test_database(archive: Archive, written: dict[str, Any], tmp_path: Path) -> None:
    """It has the columns and the days of the files."""
    (tmp_path / "day.parquet").write_bytes(archive.file(DAYS[0]))
    with duckdb.connect() as duck:
        columns = duck.execute(f"DESCRIBE FROM read_parquet('{tmp_path}/day.parquet')").fetchall()
    glue = archive.account.client("glue")
    table = glue.get_table(DatabaseName=archive.outputs["DatabaseName"], Name="records")["Table"]
    found = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert found == {name: ATHENA_TYPES[kind] for name, kind, *_ in columns}
    assert table["Parameters"]["projection.dt.range"] == f"{FIRST_DAY},NOW"
    assert table["Parameters"]["storage.location.template"] == f"s3://{archive.bucket}/dt=${{dt}}/"


def test_the_section_of_samconfig_names_every_parameter_once() -> None:
    [text] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    section = tomllib.loads(text)["archive"]
    named = [word.partition("=")[0] for word in section["deploy"]["parameters"]["parameter_overrides"]]
    assert named == list(template(ROOT / "infra/archive.yaml")["Parameters"])
    assert section["build"]["parameters"]["template_file"] == "infra/archive.yaml"
    folder = section["build"]["parameters"]["build_dir"]
    assert section["deploy"]["parameters"]["template_file"] == f"{folder}/template.yaml"
