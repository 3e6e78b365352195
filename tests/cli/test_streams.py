"""Whoever reads slowly is waited for: records stay whole lines, and no run ends for want of room in a pipe."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.archive import Archive, lines, record
from support.fakes import StartExchange
from support.program import finished, run, start

from handler.record import Record
from handler.stores.items import item_from_record
from infra.fake_exchange import FakeExchange

FULL_SECONDS = 2.0
"""How long a pipe stays full: the program has started by then and written, and one that cannot wait has ended."""
PAIRS = [f"A{number}USDT" for number in range(30)]


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    return start_exchange(symbols=PAIRS, books={})


class FullPipe:
    """A pipe that does not block its writers, as Node.js makes them, and has no room until it is read."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.writing = os.fdopen(writing, "wb", buffering=0)
        os.set_blocking(writing, False)
        self.filler = 0
        while written := self.writing.write(b"x" * 4096):  # None when it is full
            self.filler += written

    def read_slowly(self, process: "subprocess.Popen[str]") -> str:
        """What the process writes behind the filler, read in small pieces, and not before it has met the full pipe."""
        self.writing.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(FULL_SECONDS)
        data = b""
        while piece := os.read(self.reading, 500):
            data += piece
        return data[self.filler :].decode()


@pytest.fixture
def full_pipe() -> Iterator[FullPipe]:
    pipe = FullPipe()
    yield pipe
    pipe.writing.close()
    os.close(pipe.reading)


def test_records_wait_for_a_slow_reader_and_stay_whole(exchange: FakeExchange, full_pipe: FullPipe) -> None:
    flags = ["--symbol", *PAIRS, "--detail", "--count", "1", "--base-url", exchange.url]
    with start(*flags, stdout=full_pipe.writing) as process:
        text = full_pipe.read_slowly(process)
        done = finished(process)
    assert (done.returncode, done.stderr) == (0, "")
    assert [Record.from_line(line).symbol for line in text.splitlines()] == PAIRS


def test_history_waits_for_a_slow_reader(archive: Archive, full_pipe: FullPipe) -> None:
    records = [record(minute) for minute in range(200)]
    archive.fill([item_from_record(one, 60) for one in records])
    with archive.start(
        "history", "--symbol", "BTC", "--since", "2024-01-01", "--until", "2024-01-02", stdout=full_pipe.writing
    ) as process:
        text = full_pipe.read_slowly(process)
        done = finished(process)
    assert (done.returncode, done.stderr, text) == (0, "", lines(records))


def test_help_waits_for_a_slow_reader(full_pipe: FullPipe) -> None:
    with start("--help", stdout=full_pipe.writing) as process:
        text = full_pipe.read_slowly(process)
        done = finished(process)
    assert (done.returncode, done.stderr, text) == (0, "", run("--help").stdout)


def test_a_reader_of_stderr_that_is_slow_is_waited_for_too(exchange: FakeExchange, full_pipe: FullPipe) -> None:
    exchange.script(["empty*"])
    flags = ["--symbol", *PAIRS, "--count", "1", "--base-url", exchange.url]
    with start(*flags, stderr=full_pipe.writing) as process:
        text = full_pipe.read_slowly(process)
        done = finished(process)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, len(PAIRS))
    assert [line.split()[2] for line in text.splitlines()] == [f"{pair}:" for pair in PAIRS]


def test_a_reader_that_goes_away_while_it_is_waited_for_ends_it_quietly(exchange: FakeExchange) -> None:
    pipe = FullPipe()
    with start("--symbol", *PAIRS, "--base-url", exchange.url, stdout=pipe.writing) as process:
        pipe.writing.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(FULL_SECONDS)
        os.close(pipe.reading)
        done = finished(process)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_stderr_ends_no_run(exchange: FakeExchange) -> None:
    exchange.script(["empty", "ok*"], PAIRS[0])
    flags = ["--symbol", PAIRS[0], "--count", "2", "--interval_seconds", "1", "--base-url", exchange.url]
    with Path("/dev/full").open("wb") as disk, start(*flags, stderr=disk) as process:
        done = finished(process)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)
