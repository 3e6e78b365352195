"""Whatever the way to the table does to a request, the item is in once, and the writer knows it."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from conftest import NOON
from servers import AWS, aws_client, create_table, moto

from handler.delivery import Stored
from handler.dynamodb import dynamodb_client
from handler.record import Record
from handler.table import Table
from handler.times import format_time
from infra.chaos.proxy import TableProxy
from infra.chaos.table_faults import BAD

RECORD = Record(format_time(NOON), "BTCUSDT", 0.25, 5.0, 3.0, 5, last_update_id=7)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with moto() as url, aws_client("dynamodb", url) as client:
        yield client


@pytest.mark.parametrize("fault", [fault for fault in BAD if fault != "hang"])
def test_after_any_fault_the_record_is_stored_once_and_counted_as_stored(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    port = int(dynamodb.meta.endpoint_url.rpartition(":")[2])
    with TableProxy(port, faults=(fault,)) as proxy:
        for variable, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": proxy.url}).items():
            monkeypatch.setenv(variable, value)
        proxy.script(fault)
        with closing(dynamodb_client(attempts=1)) as client:
            table = Table(create_table(dynamodb), client=client)
            assert table.put([RECORD], time.monotonic() + 20.0) == Stored(1, 0, [])
            assert table.put([RECORD._replace(latency_ms=2.0)], time.monotonic() + 20.0) == Stored(0, 1, [])
        assert proxy.counts[fault] == 1
