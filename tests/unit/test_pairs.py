"""A word means one pair, the same everywhere; the refusal of a pair says what to write instead."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import UsageError
from handler.pairs import parse_pair, parse_quote, stored_pairs


@pytest.mark.parametrize(
    ("word", "quote", "pair"),
    [
        ("btc", "USDT", "BTCUSDT"),
        ("spot:btc", "USDT", "BTCUSDT"),
        ("WBTC", "BTC", "WBTC"),  # already ends in the quote asset
        (" a / b ", "USDT", "AB"),
        ("测试/USDT", "BTC", "测试USDT"),
        ("ǆ", "USDT", "ǆUSDT"),
        ("A.B_C", "USDT", "A.B_CUSDT"),
        ("USDM:btc", "USDC", "usdm:BTCUSDC"),
        ("usdm:BTC/USDC", "USDT", "usdm:BTCUSDC"),
        ("usdm:BTCUSDT_261225", "USDT", "usdm:BTCUSDT_261225"),
        ("BTC/USDT:USDT", "USDT", "usdm:BTCUSDT"),
        ("btc/usdc:usdc-261225", "USDT", "usdm:BTCUSDC_261225"),
    ],
)
def test_word(word: str, quote: str, pair: str) -> None:
    """The quote asset is appended unless the word ends in it; a slash names both sides; a market may come first."""
    assert str(parse_pair(word, quote)) == pair


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        *((word, "write BTC, BTCUSDT or BTC/USDT") for word in ("", "A/B/C", "/BTC", "ETH/", "usdm:")),
        ("coinm:BTC", "write spot:BTC or usdm:BTC"),
        ("BTC/USD:BTC", "write spot:BTC or usdm:BTC"),
        ("BTC-USDT", "write BTCUSDT"),
        ("BTC;ETH", "with spaces or commas between pairs"),
        *((f"B{odd}TC", "write BTC, BTCUSDT or BTC/USDT") for odd in ("\x1b", "\u200b", "\udcff")),
        ("btc_usdt", "write BTCUSDT"),
        ("usdm:BTC_USDT", "write usdm:BTCUSDT"),
        ("BTCUSDT#5", "write BTCUSDT"),
        ("usdm:BTCUSDT@10bps", "write usdm:BTCUSDT"),
    ],
)
def test_invalid_word(word: str, advice: str) -> None:
    """A word that is not a pair is refused in one sentence that ends with the right spelling."""
    with pytest.raises(UsageError, match=re.escape(advice)):
        parse_pair(word)


@pytest.mark.parametrize(
    ("word", "names"),
    [("BTC", ("BTC", "BTCUSDT")), ("usdm:BTCUSDT", ("usdm:BTCUSDT",)), ("ETH/BTC", ("ETHBTC",))],
)
def test_stored_pairs(word: str, names: tuple[str, ...]) -> None:
    """A pair that `series` printed can be given back as it stands."""
    assert stored_pairs(word) == names


@pytest.mark.parametrize("quote", ["BTC/USDT", "USDT:USDT", " "])
def test_invalid_quote_asset(quote: str) -> None:
    """A pair is not a quote asset."""
    with pytest.raises(UsageError, match="is not an asset"):
        parse_quote(quote)


@given(st.text(st.sampled_from("aBUSDT/:-_ ")) | st.text())
def test_any_text(word: str) -> None:
    """Any text is a pair without a slash, or refused with advice."""
    try:
        assert not set(parse_pair(word).symbol) & set("/:")
    except UsageError as error:
        assert "write " in str(error)  # noqa: PT017 - either outcome is fine
