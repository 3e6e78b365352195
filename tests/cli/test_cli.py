"""The command line as a user has it, in a process of its own: records on stdout, everything else on stderr."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from support.fakes import StartExchange
from support.program import run

from infra.fake_exchange import FakeExchange

PAIRS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ETHBTC", "这是测试币456")
KEYS = ["timestamp", "symbol", "obi", "notional_bid", "notional_ask", "levels"]
DETAIL = ["market", "obi_quantity", "best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity", "mid"]
DETAIL += ["microprice", "spread_bps", "levels_bid", "levels_ask", "reach_bid_bps", "reach_ask_bps", "last_update_id"]
DETAIL += ["host", "received_at", "exchange_time", "interval_seconds", "latency_ms"]


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    return start_exchange(symbols=PAIRS, books={})


def sample(exchange: FakeExchange, *flags: str, **environment: str) -> list[dict[str, Any]]:
    """The records of one interval, all measured."""
    done = run("--base-url", exchange.url, "--count", "1", *flags, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n")
    return [json.loads(line) for line in done.stdout.splitlines()]


def told(records: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(record["symbol"], record["levels"]) for record in records]


def test_a_line_is_compact_json_with_six_keys_in_order(exchange: FakeExchange) -> None:
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--count", "1")
    number = r"-?\d+(\.\d{1,6})?"
    assert re.fullmatch(
        r'\{"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","symbol":"BTCUSDT",'
        rf'"obi":{number},"notional_bid":{number},"notional_ask":{number},"levels":5\}}\n',
        done.stdout,
    )


def test_what_is_printed_is_what_the_exchange_answered(exchange: FakeExchange) -> None:
    [record] = sample(exchange, "--symbol", "ETH", "--levels", "20", "--interval_seconds", "10")
    book = json.loads(exchange.requests[0].body)
    bid, ask = (sum(float(price) * float(quantity) for price, quantity in book[side]) for side in ("bids", "asks"))
    assert record["notional_bid"] == pytest.approx(bid, abs=1e-6)
    assert record["notional_ask"] == pytest.approx(ask, abs=1e-6)
    assert record["obi"] == pytest.approx((bid - ask) / (bid + ask), abs=1e-6)


def test_detail_adds_its_keys_behind_the_six(exchange: FakeExchange) -> None:
    [record] = sample(exchange, "--symbol", "BTC", "--detail")
    assert list(record) == KEYS + DETAIL
    assert record["host"] == f"127.0.0.1:{exchange.port}"
    assert [key for key, value in record.items() if value is None] == ["exchange_time"]  # spot has none
    assert (record["market"], record["interval_seconds"]) == ("spot", 60)
    assert re.fullmatch(record["timestamp"][:-1] + r"\.\d{3}Z", record["received_at"])


def test_a_detail_that_cannot_be_computed_is_null(exchange: FakeExchange) -> None:
    exchange.script(["bids-only"])
    [record] = sample(exchange, "--symbol", "BTC", "--detail")
    nothing = ["best_ask", "best_ask_quantity", "mid", "microprice", "spread_bps", "reach_bid_bps", "reach_ask_bps"]
    nothing += ["exchange_time"]
    assert [key for key, value in record.items() if value is None] == nothing
    assert (record["obi"], record["notional_ask"], record["levels_ask"]) == (1.0, 0.0, 0)


@pytest.mark.parametrize("words", [["btc"], [" BTC "], ["BTCUSDT"], ["btcusdt,Btc"], ["btc", " BTC ", "BTCUSDT"]])
def test_however_a_pair_is_spelled_it_is_one_pair(exchange: FakeExchange, words: list[str]) -> None:
    assert told(sample(exchange, "--symbol", *words)) == [("BTCUSDT", 5)]


def test_a_symbol_of_any_letters_is_printed_as_the_exchange_spells_it(exchange: FakeExchange) -> None:
    done = run("--base-url", exchange.url, "--count", "1", "--symbol", "这是测试币456", "--quote", "456", LC_ALL="C")
    assert '"symbol":"这是测试币456"' in done.stdout


def test_all_lines_of_an_interval_come_in_the_order_asked_for(exchange: FakeExchange) -> None:
    exchange.script(["slow=0.2"], "ETHUSDT")
    found = sample(exchange, "--symbol", "ETH", "BTC", "--levels", "20", "5", "--symbol", "SOL")
    assert told(found) == [(pair, levels) for pair in ("ETHUSDT", "BTCUSDT", "SOLUSDT") for levels in (20, 5)]


@pytest.mark.parametrize("spelling", ["--interval_seconds=7", "--interval-seconds=7", "--interval_seconds 7"])
@pytest.mark.parametrize("url_flag", ["--base-url", "--base_url"])
def test_flags_may_be_spelled_with_either_dash(exchange: FakeExchange, spelling: str, url_flag: str) -> None:
    done = run("--symbol", "BTC", "--count", "1", *spelling.split(), url_flag, exchange.url)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


def test_the_environment_stands_in_for_flags(exchange: FakeExchange) -> None:
    done = run("--count", "1", OBI_SYMBOLS="eth, eth", OBI_QUOTE="btc", OBI_LEVELS="1,2", OBI_BASE_URL=exchange.url)
    assert told([json.loads(line) for line in done.stdout.splitlines()]) == [("ETHBTC", 1), ("ETHBTC", 2)]


def test_flags_beat_the_environment(exchange: FakeExchange, dead_url: str) -> None:
    environment = {"OBI_SYMBOLS": "NOSUCH", "OBI_LEVELS": "0", "OBI_QUOTE": "X", "OBI_BASE_URL": dead_url}
    assert told(sample(exchange, "--symbol", "BTC", "--levels", "3", "--quote", "USDT", **environment)) == [
        ("BTCUSDT", 3)
    ]


def test_count_is_the_number_of_intervals(exchange: FakeExchange) -> None:
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--count", "2", "--interval_seconds", "1")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)
    first, second = (asked.monotonic_seconds for asked in exchange.requests)
    assert second - first > 0.5


@pytest.mark.parametrize("flags", [["--count", "1"], ["--count", "1", "--detail"]])
def test_when_nothing_was_measured_there_is_a_line_that_says_so_and_exit_1(
    exchange: FakeExchange, flags: list[str]
) -> None:
    exchange.script(["empty*"])
    done = run("--base-url", exchange.url, "--symbol", "BTC", *flags)
    record = json.loads(done.stdout)
    assert (done.returncode, list(record.values())[2:6]) == (1, [0.0, 0.0, 0.0, 5])
    assert list(record) == (KEYS + DETAIL if "--detail" in flags else KEYS)
    assert {record[key] for key in record.keys() & set(DETAIL[1:])} <= {None}
    assert "BTCUSDT: the order book is empty" in done.stderr


def test_when_something_was_measured_the_exit_code_is_0(exchange: FakeExchange) -> None:
    exchange.script(["empty*"], "BTCUSDT")
    done = run("--base-url", exchange.url, "--symbol", "BTC", "ETH", "--count", "1")
    assert done.returncode == 0
    assert [json.loads(line)["notional_bid"] > 0 for line in done.stdout.splitlines()] == [False, True]


@pytest.mark.parametrize("pairs", [["BTC"], ["BTC", "ETH"]])
def test_a_closed_region_is_one_sentence_and_exit_1(exchange: FakeExchange, pairs: list[str]) -> None:
    exchange.script(["451*"])
    done = run("--base-url", exchange.url, "--symbol", *pairs)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "https://data-api.binance.vision" in done.stderr


def test_without_a_table_nothing_of_aws_is_imported(exchange: FakeExchange) -> None:
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--count", "1", python=["-X", "importtime"])
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert {"handler", "requests"} <= imported
    assert not imported & {"boto3", "botocore", "aws_lambda_powertools"}


@pytest.mark.parametrize("flag", ["--help", "-h", "--version"])
def test_help_and_version_are_printed_with_exit_0(flag: str) -> None:
    done = run(flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("order-book-imbalance" if flag == "--version" else "--interval_seconds") in done.stdout
