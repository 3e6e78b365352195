"""What the user asked for cannot be: one sentence that names it, exit 2, and not a line on stdout."""

import json

import pytest
from support.fakes import StartExchange
from support.program import run

from infra.fake_exchange import FakeExchange

BTC = ["--symbol", "BTC"]


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    return start_exchange(symbols=["BTCUSDT", "ETHUSDT"], books={})


def mistake(*flags: str, **environment: str) -> str:
    """The one sentence that this earns."""
    done = run(*flags, **environment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("handler: ")
    return done.stderr


@pytest.mark.parametrize("flags", [[], ["--count", "1"], ["--interval_seconds", "1"]])
def test_an_unknown_pair_is_told_in_the_exchanges_words_before_any_line(
    exchange: FakeExchange, flags: list[str]
) -> None:
    text = mistake("--base-url", exchange.url, "--symbol", "BTC", "NOSUCH", "ETH", *flags)
    assert "NOSUCHUSDT" in text
    assert "Invalid symbol. (code -1121)" in text


def test_every_unknown_pair_is_named(exchange: FakeExchange) -> None:
    text = mistake("--base-url", exchange.url, "--symbol", "NOSUCH", "BTC", "NEITHER")
    assert "NOSUCHUSDT" in text
    assert "NEITHERUSDT" in text


def test_a_pair_that_is_delisted_later_is_a_line_without_data_and_the_others_go_on(exchange: FakeExchange) -> None:
    exchange.script(["ok", "delisted*"], "ETHUSDT")
    flags = ["--symbol", "ETH", "BTC", "--count", "2", "--interval_seconds", "1"]
    done = run("--base-url", exchange.url, *flags)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [line["symbol"] for line in lines] == ["ETHUSDT", "BTCUSDT"] * 2
    assert [bool(line["notional_bid"]) for line in lines] == [True, True, False, True]
    assert "Invalid symbol. (code -1121)" in done.stderr


@pytest.mark.parametrize(
    ("flags", "total"),
    [
        (["--symbol", "BTC", "--levels", "5000", "--interval_seconds", "1"], "15000"),
        (["--symbol", "BTC", "--levels", "5000", "--interval_seconds", "1", "--count", "1"], "15000"),
        (["--symbol", *(f"A{n}" for n in range(21)), "--interval_seconds", "1"], "6300"),
        (["--symbol", *(f"A{n}" for n in range(25)), "--levels", "5", "1001"], "6250"),
    ],
)
def test_more_weight_than_the_exchange_allows_is_refused_with_the_sum(flags: list[str], total: str) -> None:
    text = mistake(*flags)
    assert total in text
    assert "6000" in text


def test_weight_that_just_fits_is_asked_for(exchange: FakeExchange) -> None:
    pairs = [f"A{n}" for n in range(20)]
    text = mistake("--base-url", exchange.url, "--symbol", *pairs, "--interval_seconds", "1")
    assert "Invalid symbol" in text
    assert len(exchange.requests) == 20


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], ["--symbol", "OBI_SYMBOLS"]),
        (["--symbol"], ["--symbol"]),
        (["--symbol", ""], ["--symbol", "empty"]),
        (["--symbol", "BTC,,ETH"], ["--symbol", "empty"]),
        ([*BTC, "--levels", "0"], ["--levels", "0", "1 to 5000"]),
        ([*BTC, "--levels", "5", "5001"], ["--levels", "5001", "1 to 5000"]),
        ([*BTC, "--levels", "-5"], ["--levels", "-5"]),
        ([*BTC, "--levels", "5.5"], ["--levels", "5.5"]),
        ([*BTC, "--levels", "five"], ["--levels", "five"]),
        ([*BTC, "--levels", "9" * 5000], ["--levels", "1 to 5000"]),
        ([*BTC, "--levels", "٥"], ["--levels", "٥"]),
        ([*BTC, "--interval_seconds", "0"], ["--interval_seconds", "from 1"]),
        ([*BTC, "--interval-seconds", "0.5"], ["--interval_seconds", "0.5"]),
        ([*BTC, "--interval_seconds", "1", "2"], ["unrecognized", "2"]),
        ([*BTC, "--interval_seconds", "1,2"], ["--interval_seconds", "one value"]),
        ([*BTC, "--count", "0"], ["--count", "0", "from 1"]),
        ([*BTC, "--count", "many"], ["--count", "many"]),
        ([*BTC, "--quote", ""], ["--quote"]),
        ([*BTC, "--base-url", "data-api.binance.vision"], ["--base-url", "data-api.binance.vision", "https://"]),
        ([*BTC, "--base-url", "ftp://127.0.0.1"], ["--base-url", "ftp://127.0.0.1"]),
        ([*BTC, "--detail=yes"], ["--detail"]),
        ([*BTC, "--nosuch"], ["--nosuch", "--help"]),
        ([*BTC, "--sym", "ETH"], ["--sym"]),
        (["BTC"], ["BTC is not a command", "--symbol"]),
        (["histroy", *BTC], ["histroy is not a command", "history, load, series"]),
    ],
)
def test_a_bad_flag_is_named_in_one_sentence(flags: list[str], words: list[str]) -> None:
    text = mistake(*flags)
    assert [word for word in words if word not in text] == []


def test_a_word_of_two_lines_is_still_told_in_one() -> None:
    assert "--nosuch" in mistake(*BTC, "--nosuch", "two\nlines")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OBI_SYMBOLS", ","),
        ("OBI_LEVELS", "5;20"),
        ("OBI_INTERVAL_SECONDS", "0"),
        ("OBI_BASE_URL", "localhost:80"),
        ("OBI_QUOTE", "USDT,BTC"),
    ],
)
def test_a_bad_variable_is_named_and_not_the_flag(variable: str, value: str) -> None:
    text = mistake(*([] if variable == "OBI_SYMBOLS" else BTC), **{variable: value})
    assert variable in text
