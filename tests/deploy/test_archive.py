"""The archive as docs/archive.md deploys it, in an emulator of AWS that enforces IAM policies.

Athena is the emulator's DuckDB there, which knows no partition projection.
"""

import json
import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from botocore.exceptions import ClientError
from support.records import full, reason
from support.servers import aws_client, create_table

from deploy.account import emulated_aws
from deploy.emulator import emulate
from deploy.tools import PATIENCE_SECONDS, PIP_VARIABLES, ROOT, RUNTIME, SAM, run, template
from handler.archive.app import FIRST_DAY, WATCHED_DAYS
from handler.archive.day import DAY_SECONDS, format_day, parse_day
from handler.slots import format_timestamp
from handler.stores.item import item_from_record

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
    full(symbol=symbol, market=market, timestamp=format_timestamp(day + 600 * step + 7), obi=step / 1000 + number / 10**5)
    for day in DAYS
    for number, (symbol, market) in enumerate(PAIRS)
    for step in range(144)
] + [reason(timestamp=format_timestamp(DAYS[0] + 60))]


class Stack(NamedTuple):
    """The deployed stack and what it was given."""

    url: str
    artifact: Path
    outputs: dict[str, str]
    table: str
    queue: str

    def invoke(self, event: Any, kind: str = "RequestResponse") -> Any:
        """Run the function; what it returned, or the error: errorType, errorMessage."""
        with aws_client("lambda", self.url) as client:
            name, payload = self.outputs["FunctionName"], json.dumps(event).encode()
            answer = client.invoke(FunctionName=name, Payload=payload, InvocationType=kind)
            return json.loads(answer["Payload"].read() or b"null")

    def file(self, day: int) -> bytes:
        with aws_client("s3", self.url) as client:
            key = f"dt={format_day(day)}/records.parquet"
            content: bytes = client.get_object(Bucket=self.outputs["BucketName"], Key=key)["Body"].read()
            return content

    def role_keys(self) -> dict[str, str]:
        """Keys of the function's role, as boto3's arguments."""
        with aws_client("lambda", self.url) as functions, aws_client("sts", self.url) as sts:
            function = functions.get_function(FunctionName=self.outputs["FunctionName"])
            role = function["Configuration"]["Role"]
            lent = sts.assume_role(RoleArn=role, RoleSessionName="proof")["Credentials"]
        names = {"AccessKeyId": "aws_access_key_id", "SecretAccessKey": "aws_secret_access_key"}
        return {ours: lent[theirs] for theirs, ours in (names | {"SessionToken": "aws_session_token"}).items()}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Built and deployed by the section of samconfig.toml in docs/archive.md, beside a table with records."""
    folder = tmp_path_factory.mktemp("archive")
    config = folder / "samconfig.toml"
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    with emulated_aws(tmp_path_factory.mktemp("aws")) as url, aws_client("dynamodb", url) as dynamodb:
        table = create_table(dynamodb)
        puts = [{"PutRequest": {"Item": item_from_record(record, 60)}} for record in RECORDS]
        for start in range(0, len(puts), 25):
            assert not dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})["UnprocessedItems"]
        with aws_client("sqs", url) as sqs:
            queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        text = "version = 0.1\n" + toml.replace("NAME", table).replace("ARN", arn).replace(".aws-sam", str(folder))
        config.write_text(text.replace('UsdmSymbols=""', "UsdmSymbols=BTC"))
        by_config = ["--config-file", config, "--config-env", "archive"]
        version = run(RUNTIME, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
        run(SAM, "build", *by_config, ARCHITECTURE=machine, RUNTIME_VERSION=version, **PIP_VARIABLES)
        variables = {"AWS_ENDPOINT_URL": url, "HOME": str(folder), "SAM_CLI_POLL_DELAY": "1"}
        built, uploaded = folder / "archive/template.yaml", folder / "uploaded.yaml"
        run(SAM, "package", "--template-file", built, "--resolve-s3", "--output-template-file", uploaded, **variables)
        # sam takes the emulator's URLs for paths, and the emulator takes those of AWS for its own
        uploaded.write_text(uploaded.read_text().replace(f"{url}/", "https://s3.amazonaws.com/"))
        run(SAM, "deploy", *by_config, "--template-file", uploaded, **variables)
        with aws_client("cloudformation", url) as cloudformation:
            (found,) = cloudformation.describe_stacks(StackName="obi-archive")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
        with aws_client("s3", url) as s3:
            s3.delete_bucket_policy(Bucket=outputs["BucketName"])  # it refuses plain HTTP, which the emulator speaks
        yield Stack(url, folder / "archive/ArchiveFunction", outputs, table, queue)


@pytest.fixture(scope="module")
def written(stack: Stack) -> dict[str, Any]:
    """What the function answers to the schedule's event, on the first night."""
    (schedule,) = (each for each in RESOURCES.values() if each["Type"] == "AWS::Scheduler::Schedule")
    answer: dict[str, Any] = stack.invoke(json.loads(schedule["Properties"]["Target"]["Input"]))
    return answer


def test_the_first_night_writes_all_days_of_the_table_and_the_same_bytes_again(
    stack: Stack, written: dict[str, Any]
) -> None:
    expected = {day: 3 * 144 + (day == DAYS[0]) for day in DAYS}
    assert {day: done["rows"] for day, done in written.items() if done["rows"]} == {
        format_day(day): rows for day, rows in expected.items()
    }
    assert len(written) == WATCHED_DAYS
    files = {day: stack.file(day) for day in DAYS}
    for day in DAYS:
        assert stack.invoke({"day": format_day(day)})[format_day(day)]["bytes"] == len(files[day])
        assert stack.file(day) == files[day]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_athena_and_duckdb_answer_the_queries_of_the_page_alike(
    stack: Stack, written: dict[str, Any], query: str, tmp_path: Path
) -> None:
    query = re.sub(r"2026-11-[0-9]{2}(?= 12)", format_day(DAYS[1]), query)
    ends = iter([format_day(DAYS[0]), format_day(DAYS[-1])] * 2)
    query = re.sub(r"'2026-11-[0-9]{2}'", lambda _: f"'{next(ends)}'" if "BETWEEN" in query else f"'{format_day(DAYS[1])}'", query)
    with aws_client("athena", stack.url) as athena:
        context = {"Database": stack.outputs["DatabaseName"]}
        started = athena.start_query_execution(
            QueryString=query, QueryExecutionContext=context, WorkGroup=stack.outputs["WorkGroupName"]
        )["QueryExecutionId"]
        while (status := athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"])["State"] in (
            "QUEUED", "RUNNING",
        ):  # fmt: skip
            time.sleep(0.05)
        assert status["State"] == "SUCCEEDED", status
        rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    for day in DAYS:
        folder = tmp_path / f"archive/dt={format_day(day)}"
        folder.mkdir(parents=True)
        (folder / "records.parquet").write_bytes(stack.file(day))
    with duckdb.connect() as duck:
        (view,) = re.findall(r"```python\nimport duckdb\n\n(.*?)```", PAGE, re.DOTALL)
        exec(view, {"duckdb": SimpleDuck(duck, tmp_path)})
        found = duck.execute(query).fetchall()
    assert found
    assert len(rows) == len(found) + 1
    assert [row["Data"][0]["VarCharValue"][:19] for row in rows[1:4]] == [str(row[0])[:19] for row in found[:3]]


class SimpleDuck(NamedTuple):
    """`duckdb` as the page uses it, with the page's folder in a temporary one."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def sql(self, text: str) -> None:
        self.connection.execute(text.replace("'archive/", f"'{self.folder}/archive/"))


def test_a_failure_goes_to_the_queue(stack: Stack) -> None:
    stack.invoke({"day": "soon"}, "Event")
    with aws_client("sqs", stack.url) as sqs:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while not (found := sqs.receive_message(QueueUrl=stack.queue, WaitTimeSeconds=5).get("Messages")):
            assert time.monotonic() < ends_at
    failure = json.loads(found[0]["Body"])
    assert failure["requestPayload"] == {"day": "soon"}
    assert "the event's day is 'soon'" in json.dumps(failure["responsePayload"])


def test_the_artifact_runs_by_itself(stack: Stack, written: dict[str, Any], tmp_path: Path) -> None:
    """Under the Runtime Interface Emulator, where an import that it lacks would fail, and with the keys of its role."""
    size = sum(file.stat().st_size for file in stack.artifact.rglob("*") if file.is_file())
    assert size < MAX_UNZIPPED_BYTES / 2
    keys = {name.upper(): value for name, value in stack.role_keys().items()}
    variables = {"OBI_TABLE": stack.table, "OBI_ARCHIVE_BUCKET": stack.outputs["BucketName"], "OBI_SYMBOLS": "BTC,ETH"}
    keys |= {"AWS_ENDPOINT_URL": stack.url, **variables}
    with emulate(stack.artifact, tmp_path, handler="handler.archive.app.lambda_handler", **keys) as function:
        day = format_day(DAYS[2])
        assert function.invoke({"day": day}) == {day: written[day]}
        assert f"{day}: 432 rows of 3 pairs" in function.log


def test_the_role_allows_what_the_function_does_and_nothing_else(stack: Stack, written: dict[str, Any]) -> None:
    mine = {"Bucket": stack.outputs["BucketName"]}
    key, new = f"dt={format_day(DAYS[0])}/records.parquet", {"Key": "dt=2000-01-01/records.parquet", "Body": b"1"}
    question = {
        "KeyConditionExpression": "pair = :pair",
        "ExpressionAttributeValues": {":pair": {"S": "BTCUSDT"}},
    }
    item = {"pair": {"S": "BTCUSDT"}, "slot": {"S": "2026-11-22T10:00:00Z"}}
    with aws_client("s3", stack.url) as s3, aws_client("dynamodb", stack.url) as dynamodb:
        s3.create_bucket(Bucket="another")
        other_table = create_table(dynamodb)
    allowed = [
        *[("s3", "list_objects_v2", mine | {"Prefix": "dt="}), ("s3", "get_object", mine | {"Key": key})],
        *[("s3", "put_object", mine | new), ("dynamodb", "query", {"TableName": stack.table} | question)],
    ]
    denied = [
        *[("s3", "put_object", mine | {"Key": "_athena/1", "Body": b"1"}), ("s3", "list_objects_v2", mine)],
        *[("s3", "delete_object", mine | {"Key": key}), ("s3", "put_object", {"Bucket": "another"} | new)],
        *[("dynamodb", "query", {"TableName": other_table} | question), ("dynamodb", "scan", {"TableName": stack.table})],
        ("dynamodb", "put_item", {"TableName": stack.table, "Item": item}),
    ]
    keys = stack.role_keys()
    for calls, may in ((allowed, True), (denied, False)):
        for service, call, parameters in calls:
            with aws_client(service, stack.url, **keys) as client:
                if may:
                    getattr(client, call)(**parameters)
                    continue
                with pytest.raises(ClientError, match="AccessDenied"):
                    getattr(client, call)(**parameters)


def test_the_database_has_the_columns_and_the_days_of_the_files(
    stack: Stack, written: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "day.parquet").write_bytes(stack.file(DAYS[0]))
    with duckdb.connect() as duck:
        columns = duck.execute(f"DESCRIBE FROM read_parquet('{tmp_path}/day.parquet')").fetchall()
    with aws_client("glue", stack.url) as glue:
        table = glue.get_table(DatabaseName=stack.outputs["DatabaseName"], Name="records")["Table"]
    found = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert found == {name: ATHENA_TYPES[kind] for name, kind, *_ in columns}
    assert table["Parameters"]["projection.dt.range"] == f"{FIRST_DAY},NOW"
    assert table["Parameters"]["storage.location.template"] == f"s3://{stack.outputs['BucketName']}/dt=${{dt}}/"


def test_what_cannot_be_made_again_stays_when_the_stack_goes() -> None:
    assert {name: each["DeletionPolicy"] for name, each in RESOURCES.items() if "DeletionPolicy" in each} == {
        "Bucket": "RetainExceptOnCreate",
        "ArchiveLog": "RetainExceptOnCreate",
    }
    bucket = RESOURCES["Bucket"]["Properties"]
    assert bucket.keys() & {"BucketName"} == set()
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert [name for name, rule in rules.items() if "ExpirationInDays" in rule] == ["query-results"]
    assert rules["query-results"]["Prefix"] == "_athena/"
