"""However it ends – a signal, a closed pipe, a full disk – it ends at once and quietly, or says why in one sentence."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from support.fakes import StartExchange
from support.program import PATIENCE_SECONDS, finished, run, shell, start

from infra.fake_exchange import FakeExchange

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
FULL = Path("/dev/full")


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    return start_exchange(symbols=["BTCUSDT", "ETHUSDT"], books={})


def wait_for_a_request(exchange: FakeExchange) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not exchange.requests and time.monotonic() < end:
        time.sleep(0.01)
    assert exchange.requests


@pytest.mark.parametrize("stop", STOPS)
def test_a_signal_ends_the_wait_for_the_next_interval_at_once(exchange: FakeExchange, stop: signal.Signals) -> None:
    with start("--base-url", exchange.url, "--symbol", "BTC") as process:
        assert process.stdout is not None
        line = process.stdout.readline()  # flushed at once: it is here before the program ends
        process.send_signal(stop)
        done = finished(process)
    assert json.loads(line)["symbol"] == "BTCUSDT"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(
    ("fault", "reason"), [("hang*", ""), ("trickle=0.5*", ""), ("429=50*", "request weight used up (HTTP 429)\n")]
)
def test_a_signal_ends_it_at_once_while_the_exchange_keeps_it_waiting(
    exchange: FakeExchange, stop: signal.Signals, fault: str, reason: str
) -> None:
    exchange.script([fault])
    with start("--base-url", exchange.url, "--symbol", "BTC", "ETH") as process:
        wait_for_a_request(exchange)
        process.send_signal(stop)
        done = finished(process)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.partition(": ")[2] in ("", reason)  # the signal may come before the response


def test_a_hangup_that_nohup_ignores_does_not_end_it(exchange: FakeExchange) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which is all that nohup does
    flags = ["--symbol", "BTC", "--interval_seconds", "1", "--count", "2"]
    with start("--base-url", exchange.url, *flags) as process:
        signal.signal(signal.SIGHUP, before)
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        done = finished(process)
    assert (done.returncode, done.stderr) == (0, "")
    assert len([first, *done.stdout.splitlines()]) == 2


def test_a_signal_leaves_whole_lines(exchange: FakeExchange) -> None:
    exchange.script(["hang*"], "ETHUSDT")
    with start("--base-url", exchange.url, "--symbol", "BTC", "ETH", "--interval_seconds", "1") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        done = finished(process)
    assert done.returncode == 0
    assert all(json.loads(line) for line in lines + done.stdout.splitlines())


def test_a_pipe_that_is_closed_after_a_line_ends_it_quietly(exchange: FakeExchange) -> None:
    with start("--base-url", exchange.url, "--symbol", "BTC", "--interval_seconds", "1") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["symbol"] == "BTCUSDT"
        process.stdout.close()
        assert process.stderr is not None
        assert (process.wait(PATIENCE_SECONDS), process.stderr.read()) == (0, "")


@pytest.mark.parametrize(
    "flags", [["--symbol", "BTC", "ETH", "--levels", "5", "20"], ["--help"], ["load", "-h"], ["--version"]]
)
def test_a_pipe_that_is_closed_from_the_start_ends_it_quietly(exchange: FakeExchange, flags: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe, start("--base-url", exchange.url, *flags, stdout=pipe) as process:
        done = finished(process)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "flags",
    [["--symbol", "BTC", "--count", "1"], ["--symbol", "BTC", "ETH", "--levels", "1", "2"], ["--help"], ["--version"]],
)
def test_a_full_disk_is_one_sentence_and_exit_1(exchange: FakeExchange, flags: list[str]) -> None:
    with FULL.open("wb") as disk, start("--base-url", exchange.url, *flags, stdout=disk) as process:
        done = finished(process)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("flags", ["--symbol BTC --count 1", "--help", "--version"])
def test_a_closed_stdout_is_no_traceback(exchange: FakeExchange, flags: str) -> None:
    done = shell(f"handler --base-url {exchange.url} {flags} >&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
def test_a_closed_stdout_does_not_send_records_to_the_exchange(exchange: FakeExchange, closed: str) -> None:
    done = shell(f"handler --base-url {exchange.url} --symbol BTC --count 2 --interval_seconds 1 {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert [asked.status for asked in exchange.requests] == [200, 200]


def test_a_closed_stderr_does_not_send_messages_to_stdout() -> None:
    assert shell("handler --symbol BTC --levels 0 2>&-").stdout == ""


def test_no_answer_in_a_whole_interval_is_told_with_the_last_reason(exchange: FakeExchange) -> None:
    exchange.script(["503*"])
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--count", "1", "--interval_seconds", "1")
    assert (done.returncode, json.loads(done.stdout)["notional_bid"]) == (1, 0.0)
    assert "BTCUSDT" in done.stderr
    assert "HTTP 503" in done.stderr
