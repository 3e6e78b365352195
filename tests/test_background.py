"""A table that hangs holds up no sample, and what it did not take is told, whenever the program ends."""

import json
import signal
import socket
from collections.abc import Callable, Sequence
from threading import Event

import pytest
from conftest import NOON
from program import finished, start
from servers import AWS

from handler import background
from handler.background import Background
from handler.delivery import Stored, Unstored
from handler.errors import TableError
from handler.record import Record
from handler.times import format_time
from infra.exchange import Exchange

RECORDS = [Record(format_time(NOON + 60 * number), "BTCUSDT", 0.25, 5.0, 3.0, 5) for number in range(3)]


class FakeStore:
    """Takes what it is given when `ready` is set, but for records that `refuse` gives a reason for."""

    def __init__(self, refuse: Callable[[Record], TableError | None] = lambda record: None) -> None:
        self.ready = Event()
        self.taken: list[Record] = []
        self._refuse = refuse

    def put(self, records: Sequence[Record], deadline: float) -> Stored:
        assert self.ready.wait(20)
        failed = [Unstored(record, error) for record in records if (error := self._refuse(record))]
        self.taken += [record for record in records if not self._refuse(record)]
        return Stored(len(records) - len(failed), 0, failed)


def told(caplog: pytest.LogCaptureFixture) -> list[Record]:
    return [Record.from_line(message[message.index('{"timestamp"') :]) for message in caplog.messages]


def test_a_store_that_hangs_holds_up_nobody_and_gets_everything_in_order() -> None:
    store = FakeStore()
    with Background(store) as storing:
        for record in RECORDS:
            storing.put([record], 60.0)  # returns, though the store does not
        assert store.taken == []
        store.ready.set()
    assert store.taken == RECORDS


def test_what_the_store_does_not_take_is_told_as_the_line_that_load_takes(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore(lambda record: TableError("it is gone") if record is RECORDS[1] else None)
    store.ready.set()
    with Background(store) as storing:
        for record in RECORDS:
            storing.put([record], 60.0)
    assert (store.taken, told(caplog)) == ([RECORDS[0], RECORDS[2]], [RECORDS[1]])
    assert "not stored: it is gone: " in caplog.text


def test_what_an_interrupt_leaves_no_time_for_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "STOP_SECONDS", 0.0)
    store = FakeStore()
    storing = Background(store)
    storing.put(RECORDS[:2], 60.0)
    storing.put(RECORDS[2:], 60.0)
    storing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert told(caplog) == RECORDS
    assert "the program was stopped" in caplog.text
    store.ready.set()


def test_the_runner_goes_on_beside_a_table_that_hangs_and_tells_all_of_it_when_it_is_stopped(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # the kernel accepts, but nobody answers
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        for name, value in (AWS | {"AWS_ENDPOINT_URL_DYNAMODB": url}).items():
            monkeypatch.setenv(name, value)
        flags = ("--symbol", "BTC", "--interval_seconds", "1", "--detail", "--table", "obi")
        with start(*flags, "--base-url", exchange.url) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            process.send_signal(signal.SIGINT)
            done = finished(process)
    printed = [json.loads(line) for line in lines + done.stdout.splitlines()]
    unstored = [json.loads(line[line.index('{"timestamp"') :]) for line in done.stderr.splitlines()]
    assert (done.returncode, unstored) == (0, printed)
