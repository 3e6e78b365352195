"""Whatever the way to the table does to a request, the item is in once, and the writer knows it."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support.fakes import NOON, StartRaw, http
from support.servers import AWS, aws_client, create_table, moto

from handler.record import Record
from handler.sinks import PutResult
from handler.slots import format_timestamp
from handler.stores.dynamodb import dynamodb_client
from handler.stores.table import Table
from infra.testkit.table_faults import PUT_FAULTS
from infra.testkit.table_proxy import TableProxy

RECORD = Record(format_timestamp(NOON), "BTCUSDT", 0.25, 5.0, 3.0, 5, last_update_id=7)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with moto() as url, aws_client("dynamodb", url) as client:
        yield client


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"<html>", b""])
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Internal Server Error"])
def test_an_answer_that_is_none_of_dynamodbs_is_tried_again_and_then_told(
    start_raw: StartRaw, monkeypatch: pytest.MonkeyPatch, status: str, body: bytes
) -> None:
    server = start_raw(http(status, body))
    for variable, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": server.url}).items():
        monkeypatch.setenv(variable, value)
    with closing(dynamodb_client(attempts=1)) as client:
        stored = Table("obi", client=client).put([RECORD], time.monotonic() + 1.0)
    assert [(failed.record, str(failed.error)[:11]) for failed in stored.failed] == [(RECORD, "table obi: ")]
    assert len(server.heads) > 1


def test_credentials_that_cannot_be_read_are_told() -> None:
    class Client:
        def put_item(self, **_: Any) -> None:
            raise FileNotFoundError(2, "No such file or directory", "token")  # of AWS_WEB_IDENTITY_TOKEN_FILE

    client: Any = Client()
    stored = Table("obi", client=client).put([RECORD], time.monotonic() + 20.0)
    assert [str(failed.error) for failed in stored.failed] == [
        "table obi: [Errno 2] No such file or directory: 'token'"
    ]


@pytest.mark.parametrize("fault", [fault for fault in PUT_FAULTS if fault != "hang"])
def test_after_any_fault_the_record_is_stored_once_and_counted_as_stored(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with TableProxy(dynamodb.meta.endpoint_url) as proxy:
        for variable, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": proxy.url}).items():
            monkeypatch.setenv(variable, value)
        proxy.faults["PutItem"] = deque([fault])
        with closing(dynamodb_client(attempts=1)) as client:
            table = Table(create_table(dynamodb), client=client)
            assert table.put([RECORD], time.monotonic() + 20.0) == PutResult(1, 0, [])
            assert table.put([RECORD._replace(latency_ms=2.0)], time.monotonic() + 20.0) == PutResult(0, 1, [])
        assert proxy.counts[fault] == 1
