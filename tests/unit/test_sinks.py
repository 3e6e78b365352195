"""Records are printed, then stored, and whatever is not stored is logged as a line that `load` reads."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Timer

import pytest
from support.program import ROOT
from support.records import known

from handler import sinks
from handler.errors import TableError
from handler.invocation import RecordWriter
from handler.record import Depth, Record, no_data
from handler.sinks import BackgroundWriter, FailedPut, PutResult

RECORDS = [known(symbol=symbol, host="x") for symbol in "ABCD"]
NO_DATA = no_data("2026-11-22T10:00:07Z", "E", Depth(5))


class FakeStore:
    """Notes what it is given, and waits for `ready` before it stores that, unless `act` does else."""

    def __init__(self, act: Callable[[Sequence[Record]], PutResult] = lambda records: PutResult(len(records))) -> None:
        self.puts: list[tuple[list[Record], float]] = []
        self.called, self.ready = Event(), Event()
        self._act = act

    def put(self, records: Sequence[Record], deadline: float) -> PutResult:
        self.puts.append((list(records), deadline))
        self.called.set()
        assert self.ready.wait(20)
        return self._act(records)


def ready_store(act: Callable[[Sequence[Record]], PutResult] = lambda records: PutResult(len(records))) -> FakeStore:
    store = FakeStore(act)
    store.ready.set()
    return store


def fail_second(records: Sequence[Record]) -> PutResult:
    return PutResult(1, 2, [FailedPut(records[1], TableError("no such table"))])


def logged(caplog: pytest.LogCaptureFixture) -> list[Record]:
    """The records in the log."""
    return [Record.from_line(line[line.index('{"timestamp"') :]) for line in caplog.messages]


def test_empty_put_result() -> None:
    """A result of nothing counts nothing."""
    assert PutResult() == (0, 0, (), 0)


def test_print_without_store() -> None:
    """Without a store records are printed only."""
    lines: list[str] = []
    assert RecordWriter(lines.append, detail=False).deliver(RECORDS, 60.0) == PutResult()
    assert lines == [record.to_line(detail=False) for record in RECORDS]


def test_print_then_store() -> None:
    """What is printed is stored until the deadline, but for records without data."""
    lines: list[str] = []
    store = ready_store()
    assert RecordWriter(lines.append, detail=True, store=store).deliver([*RECORDS, NO_DATA], 60.0) == PutResult(4)
    assert lines == [record.to_line(detail=True) for record in [*RECORDS, NO_DATA]]
    assert store.puts == [(RECORDS, 60.0)]


def test_nothing_to_store() -> None:
    """A store is not called for nothing."""
    store = ready_store()
    assert RecordWriter(lambda line: None, detail=True, store=store).deliver([NO_DATA], 60.0) == PutResult()
    assert store.puts == []


def test_store_though_printing_fails() -> None:
    """Records that cannot be printed are stored all the same."""

    def fail(line: str) -> None:
        raise BrokenPipeError

    store = ready_store()
    with pytest.raises(BrokenPipeError):
        RecordWriter(fail, detail=True, store=store).deliver(RECORDS, 60.0)
    assert store.puts == [(RECORDS, 60.0)]


def test_failed_put_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its reason and every key, also those that were not printed."""
    result = RecordWriter(lambda line: None, detail=False, store=ready_store(fail_second)).deliver(RECORDS, 60.0)
    assert (result.stored, result.duplicates, len(result.failed)) == (1, 2, 1)
    assert logged(caplog) == [RECORDS[1]]
    assert "no such table" in caplog.text


def test_background_failures(caplog: pytest.LogCaptureFixture) -> None:
    """Failed puts are counted and logged."""
    with BackgroundWriter(ready_store(fail_second)) as writer:
        assert writer.failed == 0
        writer.put(RECORDS, 60.0)
    assert (writer.failed, logged(caplog)) == (1, [RECORDS[1]])


def test_background_batches_are_merged() -> None:
    """What was queued during a put is stored with the next one, until the deadline of the last."""
    store = FakeStore()
    with BackgroundWriter(store) as writer:
        for number, record in enumerate(RECORDS):
            writer.put([record], 60.0 + number)
            assert store.called.wait(20)
        store.ready.set()
    assert store.puts == [(RECORDS[:1], 60.0), (RECORDS[1:], 63.0)]


def test_background_store_breaks(caplog: pytest.LogCaptureFixture) -> None:
    """A store that raises costs the records that it was given, and no others."""

    def break_first(records: Sequence[Record]) -> PutResult:
        if records[0] is RECORDS[0]:
            raise MemoryError
        return PutResult(len(records))

    store = FakeStore(break_first)
    with BackgroundWriter(store) as writer:
        writer.put(RECORDS[:1], 60.0)
        assert store.called.wait(20)
        writer.put(RECORDS[1:], 60.0)
        store.ready.set()
    assert (writer.failed, logged(caplog)) == (1, RECORDS[:1])
    assert [records for records, _ in store.puts] == [RECORDS[:1], RECORDS[1:]]


def test_end_waits_for_slow_store(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of `with` all is stored, however long that takes; the log says what is waited for."""
    monkeypatch.setattr(sinks, "STOP_SECONDS", 0.0)
    store = FakeStore()
    timer = Timer(0.2, store.ready.set)
    with BackgroundWriter(store) as writer:
        writer.put(RECORDS, 60.0)
        assert store.called.wait(20)
        timer.start()
    assert (writer.failed, [record.levelname for record in caplog.records]) == (0, ["WARNING"])
    timer.join()


def test_end_without_waiting(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is quick enough is not worth a word."""
    with BackgroundWriter(ready_store()) as writer:
        writer.put(RECORDS, 60.0)
    assert (writer.failed, caplog.messages) == (0, [])


def test_interrupt_leaves_time_for_put(caplog: pytest.LogCaptureFixture) -> None:
    """What is being stored when the program is interrupted has a moment to be stored."""
    store = FakeStore()
    timer = Timer(0.1, store.ready.set)
    with suppress(KeyboardInterrupt), BackgroundWriter(store) as writer:
        writer.put(RECORDS, 60.0)
        assert store.called.wait(20)
        timer.start()
        raise KeyboardInterrupt
    assert (writer.failed, caplog.messages) == (0, [])
    timer.join()


def test_interrupt_logs_the_rest(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the store has not answered for by then is logged, and not waited for."""
    monkeypatch.setattr(sinks, "STOP_SECONDS", 0.0)
    store = FakeStore()
    with suppress(KeyboardInterrupt), BackgroundWriter(store) as writer:
        writer.put(RECORDS, 60.0)
        raise KeyboardInterrupt
    assert (writer.failed, logged(caplog)) == (4, RECORDS)
    store.ready.set()


HANGING = """
from contextlib import suppress
from threading import Event
from handler import sinks

class HangingStore:
    def put(self, records, deadline):
        Event().wait()

sinks.STOP_SECONDS = 0.0
with suppress(KeyboardInterrupt), sinks.BackgroundWriter(HangingStore()) as writer:
    writer.put([], 60.0)
    raise KeyboardInterrupt
"""


def test_hanging_store() -> None:
    """A store that hangs does not keep the process from ending."""
    subprocess.run([sys.executable, "-c", HANGING], cwd=ROOT, check=True, timeout=20)
