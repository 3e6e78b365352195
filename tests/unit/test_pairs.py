"""A word means one pair, the same everywhere; the rejection of a pair says what to write instead."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeClock, StartExchange, spot_client
from support.program import run

from handler.errors import RequestRejected, UsageError
from handler.exchanges.binance_pairs import Pair, read_pair, read_quote, upper
from infra.template import read_template


@pytest.mark.parametrize(
    ("word", "quote", "symbol"),
    [
        ("btc", "USDT", "BTCUSDT"),
        ("BTC", "EUR", "BTCEUR"),
        ("WBTC", "BTC", "WBTC"),  # already ends in the quote asset, so it is left as it is
        ("WBTCBTC", "BTC", "WBTCBTC"),
        ("straße", "USDT", "STRAßEUSDT"),
        ("这是测试币456", "456", "这是测试币456"),
        ("ǆ", "USDT", "ǆUSDT"),
    ],
)
def test_quote_asset_is_appended(word: str, quote: str, symbol: str) -> None:
    """The quote asset is appended unless the word ends in it."""
    assert read_pair(word, quote).symbol == symbol


@pytest.mark.parametrize("quote", ["USDT", "BTC", "EUR"])
@pytest.mark.parametrize(
    ("word", "symbol"),
    [
        ("ETH/BTC", "ETHBTC"),
        ("eth/btc", "ETHBTC"),
        (" WBTC/BTC ", "WBTCBTC"),
        ("A / B", "AB"),
        ("测试/USDT", "测试USDT"),
    ],
)
def test_slash(word: str, symbol: str, quote: str) -> None:
    """A slash names both sides, whatever the quote asset."""
    assert read_pair(word, quote) == Pair(symbol)


@pytest.mark.parametrize("word", ["A/B/C", "/BTC", "ETH/", "/", "//", "A//B", " / ", ":", "BTC:USDT", "/BTC:USDT"])
def test_invalid_pair(word: str) -> None:
    """A word that is not a pair is rejected in one sentence."""
    with pytest.raises(UsageError, match=r"is not a pair: write BTC, BTCUSDT or, with both sides, BTC/USDT$"):
        read_pair(word, "USDT")


@pytest.mark.parametrize("word", ["BTC/USDT:USDT", "btc/usdt:usdt", "BTC/USDT:", "BTC/USDT:USDT-261225"])
def test_settlement_asset(word: str) -> None:
    """A settlement asset is rejected, with the right spelling."""
    with pytest.raises(UsageError, match=r"write BTC/USDT$"):
        read_pair(word, "USDT")


@pytest.mark.parametrize("word", ["BTC/USDT", "/USDT", "USDT:USDT"])
def test_invalid_quote_asset(word: str) -> None:
    """A pair is not a quote asset."""
    with pytest.raises(UsageError, match="is not an asset"):
        read_quote(word)


@given(st.text(st.sampled_from("aB/: ")))
def test_any_text(word: str) -> None:
    """Any text is a pair without a slash, or rejected."""
    try:
        assert not set(read_pair(word, "USDT").symbol) & set("/:")
    except UsageError as error:
        assert "write " in str(error)  # noqa: PT017 - either outcome is fine


@given(st.text())
def test_upper_case(word: str) -> None:
    """Only a to z change when upper-cased."""
    shouted = upper(word)
    assert len(shouted) == len(word.strip())
    assert all(new == old or "a" <= old <= "z" for old, new in zip(word.strip(), shouted, strict=True))
    assert not any("a" <= letter <= "z" for letter in shouted)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("BTCUSDC", ["USDT was appended to BTCUSDC", "if you meant the pair BTCUSDC, write BTC/USDC"]),
        ("ethbtc", ["if you meant the pair ETHBTC, write ETH/BTC"]),
        ("BTC-FDUSD", ["write BTC/FDUSD"]),
        ("EURI", ["USDT was appended to EURI", "such as BTC/USDC"]),
        ("NOSUCH", ["USDT was appended to NOSUCH", "such as BTC/USDC"]),
        ("BTCUSDT", []),
        ("BTC/USDC", []),
    ],
)
def test_hint(word: str, words: list[str]) -> None:
    """A pair that was made by appending has a hint that shows the slash."""
    hint = read_pair(word, "USDT").hint
    assert [part for part in words if part not in hint] == []
    assert bool(hint) == bool(words)


def test_rejection_with_hint(start_exchange: StartExchange, clock: FakeClock) -> None:
    """The rejection of an appended pair says what to write."""
    pairs = [read_pair(word, "USDT") for word in ("BTC", "ETHBTC", "ETH/BTC")]
    hints = {pair.symbol: pair.hint for pair in pairs if pair.hint}
    client = spot_client(start_exchange(books={}, symbols=["BTCUSDT"]).url, clock=clock, hints=hints)
    assert client.depth("BTCUSDT", 5, 1060.0).book.bids.levels
    with pytest.raises(RequestRejected, match=r"^ETHBTCUSDT: .* \(USDT was appended to ETHBTC: .* write ETH/BTC\)$"):
        client.depth("ETHBTCUSDT", 5, 1060.0)
    with pytest.raises(RequestRejected, match=r"^ETHBTC: .* \(code -1121\)$"):
        client.depth("ETHBTC", 5, 1060.0)


def test_several_quote_assets(start_exchange: StartExchange) -> None:
    """Pairs of several quote assets go into one run."""
    url = start_exchange(symbols=["BTCUSDT", "ETHBTC", "BTCUSDC"], books={}).url
    for flags, variables in (
        (["--symbol", "BTC", "ETH/BTC", "btc/usdc"], {}),
        ([], {"OBI_SYMBOLS": "BTC,ETH/BTC,btc/usdc"}),
    ):
        done = run(*flags, "--count", "1", "--base-url", url, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.findall(r'"symbol":"(\w+)"', done.stdout) == ["BTCUSDT", "ETHBTC", "BTCUSDC"]


def test_rejection_by_the_exchange(start_exchange: StartExchange) -> None:
    """A rejection has the exchange's own message and the hint."""
    url = start_exchange(symbols=["BTCUSDT", "BTCUSDC"], books={}).url
    done = run("--symbol", "BTC", "BTCUSDC", "NOSUCH/BTC", "--base-url", url)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "BTCUSDCUSDT" in done.stderr
    assert "Invalid symbol. (code -1121) (USDT was appended to BTCUSDC: if you meant" in done.stderr
    assert "write BTC/USDC)" in done.stderr
    assert done.stderr.count("appended") == 1  # none where the pair was given whole


@given(st.text(st.sampled_from("AB1/:,a \"'\\测"), max_size=12))
def test_template_pattern(text: str) -> None:
    """The template's pattern takes no pair that the program rejects."""
    pattern = read_template()["Parameters"]["Symbols"]["AllowedPattern"]
    if re.fullmatch(pattern, text):
        for word in text.split(","):
            assert read_pair(word, "USDT").symbol
