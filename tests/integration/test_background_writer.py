"""A table that hangs holds up no sample, and what it did not take is told, whenever the program ends."""

import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Event
from typing import Any

import pytest
from support.fakes import NOON, StartRaw, http
from support.program import finished, run, start
from support.servers import AWS

from handler import sinks
from handler.errors import TableError
from handler.record import Record
from handler.sinks import BackgroundWriter, FailedPut, PutResult
from handler.slots import format_timestamp
from infra.fake_exchange import FakeExchange

RECORDS = [Record(format_timestamp(NOON + 60 * number), "BTCUSDT", 0.25, 5.0, 3.0, 5) for number in range(3)]


class FakeStore:
    """Takes what it is given when `ready` is set, but for records that `refuse` gives a reason for."""

    def __init__(self, refuse: Callable[[Record], TableError | None] = lambda record: None) -> None:
        self.asked, self.ready = Event(), Event()
        self.taken: list[list[Record]] = []
        self._refuse = refuse

    def put(self, records: Sequence[Record], deadline: float) -> PutResult:
        self.asked.set()
        assert self.ready.wait(20)
        failed = [FailedPut(record, error) for record in records if (error := self._refuse(record))]
        self.taken.append([record for record in records if not self._refuse(record)])
        return PutResult(len(records) - len(failed), 0, failed)


def lines(text: str) -> list[Record]:
    return [Record.from_line(line[line.index('{"timestamp"') :]) for line in text.splitlines()]


def test_a_store_that_hangs_holds_up_nobody_and_then_gets_all_that_waits_at_once() -> None:
    store = FakeStore()
    with BackgroundWriter(store) as storing:
        for record in RECORDS:
            storing.put([record], 60.0)  # returns, though the store does not
            assert store.asked.wait(20)
        store.ready.set()
    assert store.taken == [RECORDS[:1], RECORDS[1:]]


def test_what_the_store_does_not_take_is_told_as_the_line_that_load_takes(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore(lambda record: TableError("it is gone") if record is RECORDS[1] else None)
    store.ready.set()
    with BackgroundWriter(store) as storing:
        storing.put(RECORDS, 60.0)
    assert (store.taken, lines("\n".join(caplog.messages))) == ([[RECORDS[0], RECORDS[2]]], [RECORDS[1]])
    assert "not stored: it is gone: " in caplog.text
    assert storing.failed == 1


@pytest.mark.parametrize("end", [KeyboardInterrupt, BrokenPipeError])
def test_what_an_early_end_leaves_no_time_for_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    monkeypatch.setattr(sinks, "STOP_SECONDS", 0.0)
    store = FakeStore()
    with suppress(end), BackgroundWriter(store) as storing:
        storing.put(RECORDS[:2], 60.0)
        storing.put(RECORDS[2:], 60.0)
        raise end
    assert lines("\n".join(caplog.messages)) == RECORDS
    store.ready.set()


@pytest.fixture
def hanging_table() -> Iterator[dict[str, Any]]:
    """The environment of a program whose table never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts, but nobody answers
        yield AWS | {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{server.getsockname()[1]}"}


STORING = ("--symbol", "BTC", "--interval_seconds", "1", "--detail", "--table", "obi")


@pytest.mark.parametrize("ticks", [1, 2, 3])
@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGHUP], [signal.SIGINT, signal.SIGTERM], [signal.SIGHUP, signal.SIGHUP]]
)
def test_beside_a_table_that_hangs_the_runner_goes_on_and_whenever_it_is_stopped_tells_every_line(
    exchange: FakeExchange, hanging_table: dict[str, Any], ticks: int, signals: list[signal.Signals]
) -> None:
    with start(*STORING, "--base-url", exchange.url, **hanging_table) as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in range(ticks))
        for each in signals:
            process.send_signal(each)
            time.sleep(0.1)  # so that the second comes while the first is being heeded
        done = finished(process)
    assert (done.returncode, lines(done.stderr)) == (0, lines(printed + done.stdout))


def test_what_was_measured_and_not_stored_is_exit_1(exchange: FakeExchange, start_raw: StartRaw) -> None:
    answer = http("400 Bad Request", b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}')
    environment = AWS | {"AWS_ENDPOINT_URL_DYNAMODB": start_raw(answer).url}
    done = run(*STORING, "--base-url", exchange.url, "--count", "1", **environment)
    assert (done.returncode, len(lines(done.stdout))) == (1, 1)
    assert "not stored: table obi: " in done.stderr
