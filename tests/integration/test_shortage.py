"""Where no thread can be started, or no file opened, records are stored all the same or logged, and the run goes on."""

import os
import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
from support.archive import Archive, record
from support.fakes import NOON, FakeClock

from handler.concurrency import run_concurrently
from handler.record import Record
from handler.sinks import BackgroundWriter, PutResult
from handler.stores.bulk import BulkLoader
from handler.stores.credentials import RenewingClient
from handler.stores.dynamodb import dynamodb_client
from handler.stores.items import Item
from handler.stores.table import Table

SOON = 30.0
RECORDS = [record(minute) for minute in range(20)]


@contextmanager
def no_threads() -> Iterator[None]:
    """As with `ulimit -u`, which binds no root: no thread can be started, for want of memory for its stack."""
    threading.stack_size(2**46)
    try:
        with pytest.raises(RuntimeError):
            threading.Thread().start()
        yield
    finally:
        threading.stack_size(0)


class FakeClient:
    """A table in memory."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.requests = 0

    def put_item(self, *, Item: Item, **_: Any) -> None:  # noqa: N803
        self.requests += 1
        self.items.setdefault(Item["slot"]["S"], Item)

    def batch_get_item(self, **_: Any) -> Any:
        return {"Responses": {}}

    def batch_write_item(self, **request: Any) -> Any:
        for put in request["RequestItems"]["obi"]:
            self.put_item(**put["PutRequest"])
        return {}


class FakeStore:
    """Takes everything, unless it breaks."""

    def __init__(self) -> None:
        self.taken: list[Record] = []
        self.error: Exception | None = None

    def put(self, records: Sequence[Record], deadline: float) -> PutResult:
        if self.error:
            raise self.error
        self.taken += records
        return PutResult(len(records))


def logged(caplog: pytest.LogCaptureFixture) -> list[Record]:
    return [Record.from_line(line[line.index('{"timestamp"') :]) for line in caplog.messages]


def test_without_any_thread_the_table_takes_each_record_once_and_counts_it_as_stored(clock: FakeClock) -> None:
    client: Any = FakeClient()
    table = Table("obi", client=client, clock=clock)
    with no_threads():
        assert table.put(RECORDS, clock.monotonic() + SOON) == PutResult(20, 0, [])
    assert table.put([record(minute) for minute in range(20, 40)], clock.monotonic() + SOON) == PutResult(20, 0, [])
    assert (len(client.items), client.requests) == (40, 40)


@pytest.mark.parametrize("now", [NOON, 1_704_067_200.0], ids=["old", "recent"])
def test_without_any_thread_load_stores_each_record_once(clock: FakeClock, now: float) -> None:
    clock.set_wall(now - clock.time())
    client: Any = FakeClient()
    bulk = BulkLoader(Table("obi", client=client, clock=clock))
    with no_threads():
        assert bulk.load(RECORDS)[:2] == (20, 0)
    assert (len(client.items), client.requests) == (20, 20)


def test_with_some_threads_each_call_is_made_once_and_the_results_are_in_order() -> None:
    """Those that run when no more can be started go on, beside the caller."""
    calls: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        both = threading.Barrier(2)

        def call(number: int) -> int:
            if number < 2:
                both.wait(20)
            calls.append(number)
            return -number

        assert run_concurrently(pool, 2, call, range(2)) == [0, -1]  # one thread is started
        with no_threads():
            assert run_concurrently(pool, 8, call, range(100)) == [-number for number in range(100)]
        assert run_concurrently(pool, 8, call, range(100)) == [-number for number in range(100)]
    assert sorted(calls) == sorted([0, 1, *range(100), *range(100)])


def test_the_first_failure_of_concurrent_calls_is_raised_and_the_rest_left_out() -> None:
    calls: list[int] = []

    def call(number: int) -> None:
        calls.append(number)
        raise IndexError(number)

    with ThreadPoolExecutor(3) as pool, pytest.raises(IndexError):
        run_concurrently(pool, 4, call, range(100))
    assert len(calls) <= 4


def test_a_store_without_a_thread_logs_its_records_until_one_can_be_started(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    with ExitStack() as running:
        with no_threads():
            storing = running.enter_context(BackgroundWriter(store))
            storing.put(RECORDS[:2], SOON)
            assert logged(caplog) == RECORDS[:2]
            assert "no thread could be started to store it" in caplog.text
        storing.put(RECORDS[2:], SOON)
    assert (store.taken, storing.failed, len(caplog.messages)) == (RECORDS[2:], 2, 2)


def test_a_store_that_never_had_a_thread_ends_quietly() -> None:
    with no_threads(), BackgroundWriter(FakeStore()):
        pass


@pytest.mark.parametrize("end", [KeyboardInterrupt, BrokenPipeError])
def test_without_a_thread_an_early_end_loses_no_line(
    caplog: pytest.LogCaptureFixture, end: type[BaseException]
) -> None:
    with no_threads(), suppress(end), BackgroundWriter(FakeStore()) as storing:
        storing.put(RECORDS, SOON)
        raise end
    assert logged(caplog) == RECORDS


def test_a_store_that_breaks_costs_the_records_it_had_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    with BackgroundWriter(store) as storing:
        store.error = MemoryError("no memory")
        storing.put(RECORDS[:2], SOON)
        give_up = time.monotonic() + 20
        while storing.failed < 2 and time.monotonic() < give_up:
            time.sleep(0.001)
        store.error = None
        storing.put(RECORDS[2:], SOON)
    assert (logged(caplog), store.taken) == (RECORDS[:2], RECORDS[2:])
    assert "not stored: the store failed (MemoryError: no memory): " in caplog.text


@contextmanager
def no_descriptors() -> Iterator[None]:
    """No more files or connections can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(OSError, match="Too many open files"):
            socket.socket()
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("renewing", [False, True])
def test_without_descriptors_the_record_is_stored_once_there_are_some(
    archive: Archive, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, renewing: bool
) -> None:
    for name, value in archive.environment.items():
        monkeypatch.setenv(name, value)
    with closing(dynamodb_client(attempts=1)) as client, ExitStack() as shortage:
        used: Any = RenewingClient(lambda: client) if renewing else client
        table = Table(archive.name, client=used, clock=clock)
        shortage.enter_context(no_descriptors())
        pause = clock.sleep

        def sleep(seconds: float) -> None:
            pause(seconds)
            shortage.close()

        monkeypatch.setattr(clock, "sleep", sleep)
        assert table.put(RECORDS[:1], clock.monotonic() + SOON) == PutResult(1, 0, [])
    assert archive.records() == RECORDS[:1]


def test_a_shortage_of_descriptors_that_lasts_costs_the_record_and_says_why(
    archive: Archive, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in archive.environment.items():
        monkeypatch.setenv(name, value)
    with closing(dynamodb_client(attempts=1)) as client:
        table = Table(archive.name, client=client, clock=clock)
        with no_descriptors():
            stored = table.put(RECORDS[:1], clock.monotonic() + SOON)
    assert [failed.record for failed in stored.failed] == RECORDS[:1]
