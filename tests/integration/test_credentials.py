"""Credentials that come late or are rotated cost a long run nothing but time; a mistake is a sentence at once."""

import getpass
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import exceptions as boto
from support.fakes import NOON, FakeClock
from support.servers import AWS

from handler.errors import CredentialsError, HandlerError, StoreError
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores import table as table_module
from handler.stores.dynamodb import dynamodb_client, store_error
from handler.stores.item import item_from_record
from handler.stores.store import PutResult
from handler.stores.table import Table
from infra.testkit.table_proxy import TableProxy

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
RECORD = Record(format_timestamp(NOON), "BTCUSDT", 0.25, 5.0, 3.0, 5)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TableProxy]:
    """A table that accepts everything, on a machine without any credentials."""
    with TableProxy(None) as server:
        names = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
        files = {name: str(tmp_path / file) for name, file in names.items()}
        for name, value in (AWS | files | {"AWS_ENDPOINT_URL_DYNAMODB": server.url}).items():
            monkeypatch.setenv(name, value)
        for name in KEYS:
            monkeypatch.delenv(name)
        yield server


def write_keys(path: Path, key: str) -> None:
    path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n")


class ActingClock(FakeClock):
    """Does something while it sleeps."""

    act: Callable[[], object]

    def sleep(self, seconds: float, /) -> None:
        super().sleep(seconds)
        self.act()


def test_rotated_keys_cost_no_record(proxy: TableProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in a long run nor in `load`, nor while a page is read."""
    write_keys(tmp_path / "credentials", "OLD")
    clock = ActingClock()
    clock.act = lambda: write_keys(tmp_path / "credentials", "NEW")
    tables = [Table("obi", clock=clock, wait_for_credentials=waits) for waits in (True, False)]
    proxy.expired_key = "OLD"
    for table in tables:
        assert table.put([RECORD], clock.monotonic() + 30) == PutResult(1, 0, [], 0)
    words = "not storing yet: table obi: ExpiredTokenException: the credentials have expired: renew them"
    assert caplog.messages == [words]


@pytest.mark.usefixtures("proxy")
def test_without_credentials_a_command_that_ends_does_not_wait(caplog: pytest.LogCaptureFixture) -> None:
    """Its records and its query fail with one sentence."""
    table = Table("obi", clock=(clock := FakeClock()))
    [failed] = table.put([RECORD], clock.monotonic() + 1000).failed
    assert str(failed.error) == (
        "table obi: NoCredentialsError: Unable to locate credentials; configure them as for the AWS CLI, with "
        "AWS_PROFILE, aws configure or aws sso login"
    )
    with pytest.raises(CredentialsError, match="Unable to locate credentials"):
        list(table.query("BTCUSDT", since=0, until=60))
    assert (sum(clock.slept) < 2, caplog.messages) == (True, [])


CASES: list[tuple[dict[str, str], str, str]] = [
    ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", **AWS}, "", "check the network connection, AWS_REGION,"),
    ({"AWS_PROFILE": "missing"}, "", "The config profile (missing) could not be found"),
    ({"AWS_DEFAULT_REGION": "", "AWS_REGION": ""}, "", "You must specify a region; check AWS_REGION"),
    ({"AWS_ACCESS_KEY_ID": "A"}, "", "Partial credentials found in env"),
    ({"AWS_ENDPOINT_URL_DYNAMODB": "http://user:pass word@[x"}, "", "Invalid"),
    ({"AWS_CONFIG_FILE": "/proc/self/cmdline"}, "", "Unable to parse config file"),
    ({}, "credential_process = echo Welcome", "printed text that is not JSON"),
    ({}, "credential_process = echo []", "DynamoDB: "),
    ({}, "credential_process = /missing", "No such file or directory: '/missing'"),
    ({}, "role_arn = arn:aws:iam::1:role/x\nsource_profile = default\nmfa_serial = arn:aws:iam::1:mfa/x\n"
         "aws_access_key_id = A\naws_secret_access_key = B", "the profile asks for an MFA code"),
    ({KEYS[0]: "A\n", KEYS[1]: SECRET}, "", "AWS_ACCESS_KEY_ID is invalid: it has a line end, a space or"),
    ({}, f"aws_access_key_id = A\naws_secret_access_key = x\naws_session_token = x\n  {SECRET}", "have a line end, a"),
]  # fmt: skip


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize(("environment", "config", "words"), CASES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_one_sentence_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], config: str, words: str
) -> None:
    """Before anything is measured, or with the first put; nobody is asked for anything."""
    (tmp_path / "config").write_text(f"[default]\n{config}\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def prompt(*_: object) -> str:
        pytest.fail("it asked")

    monkeypatch.setattr(getpass, "getpass", prompt)
    try:
        message = str(Table("obi").put([RECORD], time.monotonic() + 1).failed[0].error)
    except HandlerError as failure:
        message = str(failure)
    assert words in message
    assert "\n" not in message
    assert not re.search("pass word|EXAMPLE", message)


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("InvalidSignatureException", f"Signature expired: … {SECRET}", "this machine's clock is off"),
        ("InvalidSignatureException", f"The Canonical String … {SECRET}", "the secret key does not belong"),
        ("UnrecognizedClientException", "The security token … is invalid", "that the region is enabled"),
        ("AccessDeniedException", "User: x is not authorized", "AccessDeniedException: User: x is not authorized"),
    ],
)
def test_the_likely_cause_is_named(code: str, message: str, words: str) -> None:
    """Without what the answer repeats of the request."""
    failure = boto.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": META}, "PutItem")
    assert words in str(store_error(failure, "table obi"))
    assert SECRET not in str(store_error(failure, "table obi"))


META: Any = {"HTTPStatusCode": 400, "RequestId": "x"}
CODES = ["ExpiredToken", "IncompleteSignatureException", "InvalidClientTokenId", "MissingAuthenticationToken"]
CODES += ["RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "UnrecognizedClientException"]


def rejected(code: str) -> boto.ClientError:
    return boto.ClientError({"Error": {"Code": code}, "ResponseMetadata": META}, "PutItem")


class Clients:
    """Makes clients: the first ones raise these errors, or cannot be made; those that follow work.

    `together` is how many puts a failing client waits for. `taken` is what all of them have stored.
    """

    def __init__(self, *errors: Exception, together: int = 1) -> None:
        self.taken: list[Any] = []
        self.attempts = 0
        self._errors = [*errors]
        self._barrier = Barrier(together)

    def __call__(self, region: str | None = None) -> Any:
        self.attempts += 1
        error = self._errors.pop(0) if self._errors else None
        if isinstance(error, StoreError):
            raise error

        def put_item(**request: Any) -> Any:
            if error:
                self._barrier.wait(20)
                raise error
            self.taken.append(request["Item"])
            return {"ResponseMetadata": META | {"HTTPHeaders": {}}}

        return SimpleNamespace(put_item=put_item)


OTHERS = [
    boto.NoCredentialsError(),
    boto.MetadataRetrievalError(error_msg="connection refused"),
    boto.CredentialRetrievalError(provider="custom-process", error_msg="exit code 1"),
    FileNotFoundError(2, "No such file or directory", "token"),
    RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
    CredentialsError("the container's service is not up"),
]


def table_of(clients: Clients, monkeypatch: pytest.MonkeyPatch, *, waits: bool) -> Table:
    monkeypatch.setattr(table_module, "dynamodb_client", clients)
    return Table("obi", clock=FakeClock(), wait_for_credentials=waits)


@pytest.mark.parametrize("failure", [*map(rejected, CODES), *OTHERS], ids=str)
def test_a_new_client_takes_over_within_the_deadline(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Also if the next one cannot be made yet."""
    clients = Clients(failure, StoreError("the credentials file is half written"))
    assert table_of(clients, monkeypatch, waits=True).put([RECORD], 30.0) == PutResult(1, 0, [], 0)
    assert (clients.taken, clients.attempts) == ([item_from_record(RECORD, 60)], 3)


def test_credentials_that_never_come(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A client costs CPU, and reads every source of credentials. One line of the log says why."""
    clients = Clients(*[boto.NoCredentialsError() for _ in range(100)])
    table = table_of(clients, monkeypatch, waits=True)
    for deadline in (8.0, 15.0):
        assert [record for record, _ in table.put([RECORD] * 8, deadline).failed] == [RECORD] * 8
    assert (clients.attempts < 12, len(caplog.messages)) == (True, 1)


def test_of_many_threads_one_renews_and_the_others_use_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """For `load` too, whose puts fail at the second rejection."""
    clients = Clients(rejected("ExpiredTokenException"), together=8)
    assert table_of(clients, monkeypatch, waits=False).put([RECORD] * 8, 30.0) == PutResult(8, 0, [], 0)
    assert (len(clients.taken), clients.attempts) == (8, 2)


EMPTY = ["AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_MAX_ATTEMPTS", "AWS_PROFILE"]
EMPTY += ["AWS_REGION", "AWS_SHARED_CREDENTIALS_FILE", "REQUESTS_CA_BUNDLE"]


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """boto3 itself takes most of these for a mistake, or for an endpoint without a region."""
    (tmp_path / ".aws").mkdir()
    write_keys(tmp_path / ".aws/credentials", "FILE")
    (tmp_path / ".aws/config").write_text("[default]\nregion = eu-west-1\n")
    for name, value in ({"HOME": str(tmp_path)} | dict.fromkeys(EMPTY, "")).items():
        monkeypatch.setenv(name, value)
    with closing(dynamodb_client()) as client:
        url = client.generate_presigned_url("list_tables")
    assert url.startswith("https://dynamodb.eu-west-1.amazonaws.com/")
    assert "Credential=FILE" in url
