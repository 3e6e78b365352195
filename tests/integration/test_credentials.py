"""Credentials that come late or are rotated cost a long run nothing but time; a mistake is a sentence at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from support.archive import Archive
from support.fakes import NOON, FakeClock
from support.program import run, start
from support.servers import free_port

from handler.errors import CredentialsError, TableError, TransientTableError
from handler.record import Record
from handler.sinks import PutResult
from handler.slots import format_timestamp
from handler.stores import dynamodb
from handler.stores.credentials import RENEW_SECONDS, RenewingClient
from handler.stores.dynamodb import dynamodb_client
from handler.stores.items import item_from_record
from handler.stores.table import Table
from infra.fake_exchange import FakeExchange
from infra.testkit.metadata_service import CONTAINER_PATH, metadata_service
from infra.testkit.table_proxy import TableProxy

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED")
RECORD = Record(format_timestamp(NOON), "BTCUSDT", 0.25, 5.0, 3.0, 5)
SAMPLE = ("--symbol", "BTC", "--interval_seconds", "1", "--count", "2")
METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.fixture
def no_keys(archive: Archive, tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with a table and without any credentials."""
    environment = {name: value for name, value in archive.environment.items() if name not in KEYS}
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_CONFIG_FILE": str(tmp_path / "config")}
    return environment | files | {METADATA: "http://127.0.0.1:1"}


def write_keys(environment: dict[str, str], key: str) -> None:
    file = Path(environment["AWS_SHARED_CREDENTIALS_FILE"])
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")


@pytest.fixture
def front(archive: Archive) -> Iterator[TableProxy]:
    with TableProxy(archive.environment["AWS_ENDPOINT_URL_DYNAMODB"]) as server:
        yield server


@pytest.mark.parametrize(("variable", "path"), [(METADATA, ""), (CONTAINER, CONTAINER_PATH)])
def test_what_was_measured_before_there_were_credentials_is_stored_when_they_come(
    archive: Archive, no_keys: dict[str, str], exchange: FakeExchange, variable: str, path: str
) -> None:
    port = free_port()
    environment: dict[str, Any] = no_keys | {variable: f"http://127.0.0.1:{port}{path}"}
    with start(*SAMPLE, "--base-url", exchange.url, **environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = process.stdout.readline()
        reason = process.stderr.readline()
        with metadata_service(port):
            stdout, stderr = process.communicate(timeout=30)
    assert "not storing yet" in reason
    assert "redentials" in reason
    assert (process.returncode, stderr) == (0, "")
    assert [one.to_line(detail=False) for one in archive.records()] == (printed + stdout).splitlines()


def test_keys_that_are_rotated_while_it_runs_cost_no_record(
    archive: Archive, no_keys: dict[str, str], front: TableProxy, exchange: FakeExchange
) -> None:
    write_keys(no_keys, "OLD")
    environment: dict[str, Any] = no_keys | {"AWS_ENDPOINT_URL_DYNAMODB": front.url}
    front.expired_key = "OLD"
    with start(*SAMPLE, "--base-url", exchange.url, **environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = process.stdout.readline()
        reason = process.stderr.readline()
        write_keys(no_keys, "NEW")
        stdout, stderr = process.communicate(timeout=30)
    assert "ExpiredTokenException: from the fault proxy; check that" in reason
    assert (process.returncode, stderr) == (0, "")
    assert [one.to_line(detail=False) for one in archive.records()] == (printed + stdout).splitlines()


@pytest.mark.parametrize("command", [("history", "--symbol", "BTC"), ("load",)], ids=" ".join)
def test_a_command_that_ends_by_itself_does_not_wait_for_credentials(
    no_keys: dict[str, str], command: tuple[str, ...], tmp_path: Path
) -> None:
    now = Record(format_timestamp(4_000_000_000), "BTCUSDT", 0.25, 5.0, 3.0, 5)  # a recent slot: put one by one
    (file := tmp_path / "lines").write_text(now.to_line(detail=False))
    done = run(*command, *([str(file)] if command == ("load",) else []), **no_keys)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Unable to locate credentials; configure them as for the AWS CLI" in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_PROFILE": "missing"}, "The config profile (missing) could not be found"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "You must specify a region; set AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": "A"}, "Partial credentials found in env"),
    ],
    ids=str,
)
def test_aws_that_is_configured_wrongly_is_told_before_anything_is_measured(
    no_keys: dict[str, str], exchange: FakeExchange, change: dict[str, str], words: str
) -> None:
    done = run(*SAMPLE, "--base-url", exchange.url, **(no_keys | change))
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr


class FakeClient:
    """A client that stores, unless it has an error to raise; `taken` is what all of them have stored."""

    def __init__(self, error: Exception | None, taken: list[Any]) -> None:
        self.error = error
        self.is_open = True
        self.wait: Callable[[], object] = lambda: None
        """Called at each put, before it comes to anything."""
        self._taken = taken

    def put_item(self, **request: Any) -> None:
        self.wait()
        if self.error:
            raise self.error
        self._taken.append(request["Item"])

    def close(self) -> None:
        self.is_open = False


def rejected(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "PutItem")


class Clients:
    """Makes clients: the first ones raise these errors, or cannot be made; those that follow work."""

    def __init__(self, *errors: Exception) -> None:
        self.made: list[FakeClient] = []
        self.taken: list[Any] = []
        self._errors = list(errors)
        self.attempts = 0

    def __call__(self) -> Any:
        self.attempts += 1
        error = self._errors.pop(0) if self._errors else None
        if isinstance(error, TableError):
            raise error
        self.made.append(FakeClient(error, self.taken))
        return self.made[-1]


@pytest.mark.parametrize(
    "error",
    [
        *map(rejected, sorted(dynamodb.CREDENTIAL_CODES)),
        NoCredentialsError(),
        FileNotFoundError(2, "No such file or directory", "token"),
        OSError(24, "Too many open files"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
        CredentialsError("the container's service is not up"),
    ],
    ids=str,
)
def test_a_new_client_takes_over_within_the_records_deadline(clock: FakeClock, error: Exception) -> None:
    clients = Clients(error, TableError("the credentials file is half written"))
    client: Any = RenewingClient(clients, clock=clock)
    table = Table("obi", client=client, clock=clock)
    assert table.put([RECORD], clock.monotonic() + 30.0) == PutResult(1, 0, [])
    assert clients.taken == [item_from_record(RECORD, 60)]
    assert clients.attempts == 3
    assert [client.is_open for client in clients.made] == [False, True][-len(clients.made) :]


def test_credentials_that_never_come_cost_the_record_and_few_clients(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    clients = Clients(*[NoCredentialsError() for _ in range(100)])
    client: Any = RenewingClient(clients, clock=clock)
    table = Table("obi", client=client, clock=clock)
    for _ in range(3):
        stored = table.put([RECORD], clock.monotonic() + 30.0)
        assert [failed.record for failed in stored.failed] == [RECORD]
        assert "table obi: Unable to locate credentials; configure" in str(stored.failed[0].error)
    assert clients.attempts <= 90 / RENEW_SECONDS + 2
    assert len(caplog.messages) == 1  # the reason, early and once; a record's line is for the caller to log


def test_of_many_threads_one_renews_and_the_others_use_the_result(clock: FakeClock) -> None:
    clients = Clients(rejected("ExpiredTokenException"))
    client = RenewingClient(clients, clock=clock)
    together = Barrier(8)

    def put(number: int) -> None:
        with pytest.raises(TransientTableError, match="ExpiredTokenException"):
            client.put_item(TableName="obi", Item=number)
        client.put_item(TableName="obi", Item=number)

    clients.made[0].wait = lambda: together.wait(20)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(8)))
    assert sorted(clients.taken) == list(range(8))
    assert clients.attempts == 2


EMPTY = [
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULTS_MODE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RETRY_MODE",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "REQUESTS_CA_BUNDLE",
]


@pytest.mark.parametrize(
    "names", [*([name] for name in EMPTY), EMPTY], ids=lambda names: names[0] if len(names) == 1 else "all"
)
def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str]) -> None:
    """boto3 itself takes most of these for a mistake, or for an endpoint without a region."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("[default]\naws_access_key_id = FILE\naws_secret_access_key = x\n")
    (tmp_path / ".aws/config").write_text("[default]\nregion = eu-west-1\n")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name)
    for name, value in {"HOME": str(tmp_path), **dict.fromkeys(names, "")}.items():
        monkeypatch.setenv(name, value)
    with closing(dynamodb_client()) as client:
        url = client.generate_presigned_url("list_tables")
    assert url.startswith("https://dynamodb.eu-west-1.amazonaws.com/")
    assert "Credential=FILE" in url


def test_an_empty_region_leaves_the_default_region_in_force(archive: Archive, exchange: FakeExchange) -> None:
    environment = archive.environment | {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"}
    done = run(*SAMPLE, "--base-url", exchange.url, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(archive.records()) == 2
