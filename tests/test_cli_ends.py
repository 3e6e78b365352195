"""However it ends – a signal, a closed pipe, a full disk – it ends at once and quietly, or says why in one sentence."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import StartExchange
from program import PATIENCE_SECONDS, ROOT, finished, run, start

from infra.exchange import Exchange

STOPS = [signal.SIGINT, signal.SIGTERM]
FULL = Path("/dev/full")


@pytest.fixture
def exchange(start_exchange: StartExchange) -> Exchange:
    return start_exchange(symbols=["BTCUSDT", "ETHUSDT"], books={})


@pytest.fixture(autouse=True)
def _ctrl_c_reaches_children() -> Iterator[None]:
    """A shell starts what it runs in the background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def wait_for_a_request(exchange: Exchange) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not exchange.requests and time.monotonic() < end:
        time.sleep(0.01)
    assert exchange.requests


@pytest.mark.parametrize("stop", STOPS)
def test_a_signal_ends_the_wait_for_the_next_interval_at_once(exchange: Exchange, stop: signal.Signals) -> None:
    with start("--base-url", exchange.url, "--symbol", "BTC") as process:
        assert process.stdout is not None
        line = process.stdout.readline()  # flushed at once: it is here before the program ends
        process.send_signal(stop)
        done = finished(process)
    assert json.loads(line)["symbol"] == "BTCUSDT"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("fault", ["hang*", "trickle=0.5*", "429=50*"])
def test_a_signal_ends_it_at_once_while_the_exchange_keeps_it_waiting(
    exchange: Exchange, stop: signal.Signals, fault: str
) -> None:
    exchange.script([fault])
    with start("--base-url", exchange.url, "--symbol", "BTC", "ETH") as process:
        wait_for_a_request(exchange)
        process.send_signal(stop)
        done = finished(process)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_signal_leaves_whole_lines(exchange: Exchange) -> None:
    exchange.script(["hang*"], "ETHUSDT")
    with start("--base-url", exchange.url, "--symbol", "BTC", "ETH", "--interval_seconds", "1") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        done = finished(process)
    assert done.returncode == 0
    assert all(json.loads(line) for line in lines + done.stdout.splitlines())


def test_a_pipe_that_is_closed_after_a_line_ends_it_quietly(exchange: Exchange) -> None:
    with start("--base-url", exchange.url, "--symbol", "BTC", "--interval_seconds", "1") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["symbol"] == "BTCUSDT"
        process.stdout.close()
        assert process.stderr is not None
        assert (process.wait(PATIENCE_SECONDS), process.stderr.read()) == (0, "")


@pytest.mark.parametrize("flags", [["--symbol", "BTC", "ETH", "--levels", "5", "20"], ["--help"]])
def test_a_pipe_that_is_closed_from_the_start_ends_it_quietly(exchange: Exchange, flags: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe, start("--base-url", exchange.url, *flags, stdout=pipe) as process:
        done = finished(process)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "flags", [["--symbol", "BTC", "--count", "1"], ["--symbol", "BTC", "ETH", "--levels", "1", "2"]]
)
def test_a_full_disk_is_one_sentence_and_exit_1(exchange: Exchange, flags: list[str]) -> None:
    with FULL.open("wb") as disk, start("--base-url", exchange.url, *flags, stdout=disk) as process:
        done = finished(process)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left on device" in done.stderr


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m handler {command}'],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("flags", ["--symbol BTC --count 1", "--help"])
def test_a_closed_stdout_is_no_traceback(exchange: Exchange, flags: str) -> None:
    done = shell(f"--base-url {exchange.url} {flags} >&-")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
def test_a_closed_stdout_does_not_send_records_to_the_exchange(exchange: Exchange, closed: str) -> None:
    done = shell(f"--base-url {exchange.url} --symbol BTC --count 2 --interval_seconds 1 {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert [asked.status for asked in exchange.requests] == [200, 200]


def test_a_closed_stderr_does_not_send_messages_to_stdout() -> None:
    assert shell("--symbol BTC --levels 0 2>&-").stdout == ""


def test_no_answer_in_a_whole_interval_is_told_with_the_last_reason(exchange: Exchange) -> None:
    exchange.script(["503*"])
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--count", "1", "--interval_seconds", "1")
    assert (done.returncode, json.loads(done.stdout)["notional_bid"]) == (1, 0.0)
    assert "BTCUSDT" in done.stderr
    assert "HTTP 503" in done.stderr
