"""The sampler as a user has it, in a process of its own: records on stdout, everything else on stderr."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support.fakes import StartExchange
from support.program import TEST_TIMEOUT_SECONDS, finished, run, shell, start, until

from handler.book import measure, parse_depth
from handler.record import FULL_KEYS, PLAIN_KEYS, REASON_KEYS, Record
from infra.fake_exchange import FakeExchange

PAIRS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ETHBTC", "这是测试币456")
FULL = Path("/dev/full")


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    return start_exchange(symbols=PAIRS, books={}, clock=time.time)


def test_line(exchange: FakeExchange) -> None:
    """A line is compact JSON with the six keys, computed from what the exchange answered; of any letters."""
    flags = ["--symbol", "这是测试币456", "--quote", "456", "--levels", "20"]
    done = run("--base-url", exchange.url, "--count", "1", *flags, LC_ALL="C")
    record = Record.from_line(done.stdout)
    assert done.stdout == f"{record.to_line(detail=False)}\n"
    assert (record.symbol, record.levels) == ("这是测试币456", 20)
    measured = measure(parse_depth(exchange.requests[0].body), 20)
    assert (record.obi, record.notional_bid, record.notional_ask) == measured


def test_detail(exchange: FakeExchange) -> None:
    """With --detail every key comes, in its order; spot has no time of the matching engine, futures have."""
    done = run("--base-url", exchange.url, "--count", "1", "--symbol", "BTC", "BTC/USDT:USDT", "--detail")
    assert (done.returncode, done.stderr, done.stdout[-1]) == (0, "", "\n")
    spot, futures = map(json.loads, done.stdout.splitlines())
    assert tuple(spot) == tuple(futures) == FULL_KEYS
    assert [key for key, value in spot.items() if value is None] == ["exchange_time", "cache_age_seconds"]
    assert [key for key, value in futures.items() if value is None] == ["cache_age_seconds"]
    assert (spot["limit"], len(spot["bids"]), spot["host"]) == (1000, 20, f"127.0.0.1:{exchange.port}")


def test_folder(exchange: FakeExchange, tmp_path: Path) -> None:
    """With --to the full record is kept, and still the plain line is printed; a reason is kept too."""
    exchange.script(["empty*"], "ETHUSDT")
    flags = ["--symbol", "BTC", "ETH", "--to", str(tmp_path / "obi"), "--count", "1", "--base-url", exchange.url]
    done = run(*flags)
    assert done.returncode == 0
    [file] = (tmp_path / "obi").iterdir()
    stored = [Record.from_line(line) for line in file.read_text().splitlines()]
    assert [record.reason for record in stored] == [None, "empty book"]
    assert done.stdout.splitlines() == [record.to_line(detail=False) for record in stored]
    assert file.name == f"{stored[0].timestamp[:10]}.jsonl"


@pytest.mark.parametrize(("flags", "keys"), [([], PLAIN_KEYS), (["--detail"], REASON_KEYS)])
def test_no_data(exchange: FakeExchange, flags: list[str], keys: tuple[str, ...]) -> None:
    """Where nothing was measured there is a line that says so with its slot's start, the reason, and exit 1."""
    exchange.script(["503*"])
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--count", "1", "--interval_seconds", "1", *flags)
    record = json.loads(done.stdout)
    assert (done.returncode, list(record.values())[2:6]) == (1, [0.0, 0.0, 0.0, 5])
    assert tuple(record) == keys
    assert record.get("reason", "HTTP 503") == "HTTP 503"
    assert "BTCUSDT" in done.stderr
    assert "HTTP 503" in done.stderr


@pytest.mark.parametrize(
    ("flags", "script", "code", "message"),
    [
        (["--symbol", "NOSUCH\x1b[31m"], "ok", 2, r"NOSUCH\x1b[31m is not a pair"),
        (["--symbol", "BTC"], "451*", 1, "https://data-api.binance.vision"),
        (["--symbol", "BTC", "--levles", "5"], "ok", 2, "unrecognized arguments: --levles"),
        (["histroy"], "ok", 2, "histroy is not a command: give history, series, report, load"),
        ([], "ok", 2, "no symbol: give --symbol BTC, or set OBI_SYMBOLS"),
    ],
)
def test_what_cannot_be_served(exchange: FakeExchange, flags: list[str], script: str, code: int, message: str) -> None:
    """A request that cannot be served is one sentence on stderr, with foreign text escaped, and a fitting exit code."""
    exchange.script([script])
    done = run(*flags, *(["--base-url", exchange.url] if flags[:1] == ["--symbol"] else []))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert message in done.stderr


@pytest.mark.parametrize(("flag", "text"), [("--help", "--interval_seconds"), ("--version", "order-book-imbalance")])
def test_help(flag: str, text: str) -> None:
    """Help and version are printed, with exit 0."""
    done = run(flag)
    assert (done.returncode, done.stderr, text in done.stdout) == (0, "", True)


@pytest.mark.parametrize(
    ("stop", "fault"),
    [
        (signal.SIGINT, ""),
        (signal.SIGTERM, ""),
        (signal.SIGHUP, ""),
        (signal.SIGTERM, "hang*"),
        (signal.SIGINT, "429=50*"),
    ],
)
def test_signal(exchange: FakeExchange, stop: signal.Signals, fault: str) -> None:
    """A signal ends it with exit 0, between two intervals, when the line is flushed, or while the exchange hangs."""
    exchange.script([fault or "ok"])
    flags = ["--symbol", "BTC", "--interval_seconds", "86400"]  # so that the slot does not end now
    with start("--base-url", exchange.url, *flags) as process:
        until(lambda: bool(exchange.requests))
        assert process.stdout is not None
        assert fault or json.loads(process.stdout.readline())["symbol"] == "BTCUSDT"
        process.send_signal(stop)
        done = finished(process)
    assert (done.returncode, done.stdout, "" if fault else done.stderr) == (0, "", "")


def test_nohup(exchange: FakeExchange) -> None:
    """A hang-up that nohup ignores does not end it."""
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


@pytest.mark.parametrize(("count", "code", "messages"), [([], 1, 1), (["--count", "9"], 0, 0)])
def test_reader_gone(exchange: FakeExchange, count: list[str], code: int, messages: int) -> None:
    """A run without an end whose reader is gone says so and exits 1; one with --count ends quietly."""
    with start("--base-url", exchange.url, "--symbol", "BTC", "--interval_seconds", "1", *count) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert (process.wait(TEST_TIMEOUT_SECONDS), len(process.stderr.readlines())) == (code, messages)


def test_deleted_output(exchange: FakeExchange, tmp_path: Path) -> None:
    """A file that is deleted under the run, as a log rotation does, ends it with exit 1."""
    path = tmp_path / "printed"
    with path.open("wb") as file:
        flags = ["--base-url", exchange.url, "--symbol", "BTC", "--interval_seconds", "1"]
        with start(*flags, stdout=file) as process:
            until(lambda: bool(exchange.requests))
            path.unlink()
            done = finished(process)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "deleted or replaced" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("flags", [["--symbol", "BTC", "--count", "1"], ["--help"]])
def test_full_disk(exchange: FakeExchange, flags: list[str]) -> None:
    """A full disk is one sentence and exit 1."""
    with FULL.open("wb") as disk, start(*flags, "--base-url", exchange.url, stdout=disk) as process:
        done = finished(process)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "2>&-"])
def test_closed_streams(exchange: FakeExchange, closed: str) -> None:
    """A closed stream is no traceback, and its number is never taken by a socket."""
    done = shell(f"handler --base-url {exchange.url} --symbol BTC --count 2 --interval_seconds 1 {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert [request.status for request in exchange.requests] == [200, 200]


def full_pipe() -> tuple[int, int, int]:
    """A pipe that does not block: its ends, and how many bytes are in it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    filler = 0
    with suppress(BlockingIOError):
        while True:
            filler += os.write(writing, b"x" * 4096)
    return reading, writing, filler


def test_slow_reader(start_exchange: StartExchange) -> None:
    """Records wait for a slow reader on a pipe that does not block, and stay whole lines."""
    pairs = [f"A{number}USDT" for number in range(30)]
    exchange = start_exchange(symbols=pairs, books={}, clock=time.time)
    reading, writing, filler = full_pipe()
    with os.fdopen(writing, "wb") as pipe:
        flags = ["--symbol", *pairs, "--detail", "--count", "1", "--base-url", exchange.url]
        process = start(*flags, stdout=pipe)
    until(lambda: len(exchange.requests) == len(pairs))
    data = b""
    while piece := os.read(reading, 500):
        data += piece
    os.close(reading)
    assert finished(process).returncode == 0
    assert [Record.from_line(line).symbol for line in data[filler:].decode().splitlines()] == pairs


def test_stalled_stderr(dead_url: str) -> None:
    """Messages that nobody reads are lost in the end; the run goes on and ends."""
    reading, writing, _ = full_pipe()
    os.set_blocking(writing, True)
    flags = ["--symbol", "BTC", "--interval_seconds", "1", "--count", "3", "--base-url", dead_url]
    with os.fdopen(writing, "wb") as pipe:
        process = start(*flags, stderr=pipe)
    assert finished(process).returncode == 1
    os.close(reading)
