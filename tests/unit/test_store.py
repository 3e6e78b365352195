"""A store that hangs holds up no sample, and what it did not take is logged, whenever the program ends."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from logging import LogRecord
from threading import Event, Timer, current_thread, main_thread
from time import monotonic, sleep

import pytest
from support.fakes import forbid_threads

from handler.errors import StoreError
from handler.record import Record
from handler.stores import store as store_module
from handler.stores.store import MAX_OVERRUN_SECONDS, BackgroundWriter, FailedPut, PutResult

RECORDS = [Record("2026-11-22T10:00:07Z", name, 0.25, 5.0, 3.0, 5, interval_seconds=60, host="x") for name in "ABCD"]
LATER = monotonic() + 3600.0
Act = Callable[[Sequence[Record]], PutResult]


class FakeStore:
    """Notes what it is given, waits for `ready`, and then does this with it."""

    def __init__(self, act: Act = lambda records: PutResult(len(records))) -> None:
        self.puts: list[tuple[list[Record], float]] = []
        self.called, self.ready = Event(), Event()
        self._act = act

    def put(self, records: Sequence[Record], deadline: float, /) -> PutResult:
        self.puts.append((list(records), deadline))
        self.called.set()
        assert self.ready.wait(20)
        return self._act(records)


def logged(caplog: pytest.LogCaptureFixture) -> list[Record]:
    """The records in the log, as `load` finds them."""
    return [Record.from_line(line[line.index('{"timestamp"') :]) for line in caplog.messages]


def test_a_store_that_hangs_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """`put` returns at once; what was queued meanwhile is stored afterwards, each batch until its own deadline."""
    store = FakeStore()
    with BackgroundWriter(store) as writer:
        for number, record in enumerate(RECORDS):
            writer.put([record], LATER + number)
        store.ready.set()
    assert store.puts == [([record], LATER + number) for number, record in enumerate(RECORDS)]
    assert (writer.failed, caplog.messages) == (0, [])


@pytest.mark.parametrize("failed", [False, True])
def test_a_store_that_hangs_is_reported(caplog: pytest.LogCaptureFixture, *, failed: bool) -> None:
    """Long after a deadline its records are logged, once, whatever the store answers in the end."""
    error = StoreError("too late")
    store = FakeStore(lambda records: PutResult(0, failed=[FailedPut(record, error) for record in records if failed]))
    with BackgroundWriter(store) as writer:
        writer.put(RECORDS[:2], monotonic() - MAX_OVERRUN_SECONDS)
        assert store.called.wait(20)
        for number in range(2):
            writer.put([RECORDS[2]], LATER + number)
            assert logged(caplog) == RECORDS[:2]
        store.ready.set()
    assert logged(caplog) == RECORDS[:2] + [RECORDS[2]] * 2 * failed


def test_what_is_not_stored_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, with its reason and as a full line, and nothing else is: even where the store breaks."""

    def act(records: Sequence[Record]) -> PutResult:
        if records[0] is RECORDS[0]:
            raise MemoryError
        return PutResult(1, 1, [FailedPut(records[0], StoreError("no such table"))])

    store = FakeStore(act)
    store.ready.set()
    with BackgroundWriter(store) as writer:
        writer.put(RECORDS[:1], 60.0)
        writer.put(RECORDS[1:], 60.0)
    assert (writer.failed, logged(caplog)) == (2, RECORDS[:2])
    assert caplog.messages[1].startswith("not stored: no such table: {")


@pytest.mark.parametrize(("seconds", "messages"), [(0.0, ["waiting for the store to take 4 record(s)"]), (20.0, [])])
def test_the_end_waits_for_a_slow_store(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, seconds: float, messages: list[str]
) -> None:
    """All is stored, however long that takes, and the log says so; after an interrupt there is a moment for it."""
    monkeypatch.setattr(store_module, "STOP_SECONDS", seconds)
    store = FakeStore()
    timer = Timer(0.2, store.ready.set)
    with suppress(KeyboardInterrupt), BackgroundWriter(store) as writer:
        writer.put(RECORDS, 60.0)
        assert store.called.wait(20)
        timer.start()
        if not messages:
            raise KeyboardInterrupt
    assert (writer.failed, caplog.messages) == (0, messages)
    timer.join()


@pytest.mark.parametrize("end", [KeyboardInterrupt, BrokenPipeError])
def test_early_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, end: type[BaseException]) -> None:
    """What the store has not answered for by then is logged."""
    monkeypatch.setattr(store_module, "STOP_SECONDS", 0.0)
    store = FakeStore()
    with suppress(end), BackgroundWriter(store) as writer:
        writer.put(RECORDS[:2], 60.0)
        writer.put(RECORDS[2:], 60.0)
        raise end
    assert (writer.failed, logged(caplog)) == (4, RECORDS)
    store.ready.set()


def test_an_end_while_the_log_is_slow(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Records whose failure is just being logged are logged by the end, too."""
    monkeypatch.setattr(store_module, "STOP_SECONDS", 0.0)
    writing = Event()

    def write_slowly(record: LogRecord) -> bool:
        if current_thread() is not main_thread():
            writing.set()
            sleep(0.1)
        return bool(record)

    monkeypatch.setattr(store_module.log, "filters", [write_slowly])
    store = FakeStore(lambda records: PutResult(failed=[FailedPut(one, StoreError("full")) for one in records]))
    store.ready.set()
    with suppress(KeyboardInterrupt), BackgroundWriter(store) as writer:
        writer.put(RECORDS, LATER)
        assert writing.wait(20)
        raise KeyboardInterrupt
    assert logged(caplog) == RECORDS


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """`put` itself stores."""
    forbid_threads(monkeypatch)
    store = FakeStore()
    store.ready.set()
    with BackgroundWriter(store) as writer:
        writer.put(RECORDS, 60.0)
        assert store.puts == [(RECORDS, 60.0)]
    assert writer.failed == 0
