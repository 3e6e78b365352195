"""Each market's facts, as the exchange documents them."""

import pytest

from handler.exchange.markets import MARKETS


@pytest.mark.parametrize(
    ("market", "levels", "limit", "weight"),
    [
        *(("spot", 1, 1, 5), ("spot", 101, 101, 25), ("spot", 501, 501, 50), ("spot", 1001, 1001, 250)),
        *(("spot", 100, 100, 5), ("spot", 500, 500, 25), ("spot", 1000, 1000, 50), ("spot", 9999, 5000, 250)),
        *(("usdm", 1, 5, 2), ("usdm", 6, 10, 2), ("usdm", 51, 100, 5), ("usdm", 101, 500, 10)),
        ("usdm", 9999, 1000, 20),
    ],
)
def test_limit_and_weight(market: str, levels: int, limit: int, weight: int) -> None:
    """The limit is the smallest that the market takes, and its weight what the exchange counts."""
    found = MARKETS[market].request_limit(levels)
    assert (found, MARKETS[market].request_weight(found)) == (limit, weight)


@pytest.mark.parametrize(
    ("market", "symbol", "url"),
    [
        ("spot", "BTCUSDT", "http://a/api/v3/depth?symbol=BTCUSDT&limit=5"),
        ("usdm", "BTCUSDT_261225", "http://a/fapi/v1/depth?symbol=BTCUSDT_261225&limit=5"),
        ("spot", "币/&A", "http://a/api/v3/depth?symbol=%E5%B8%81%2F%26A&limit=5"),
    ],
)
def test_url(market: str, symbol: str, url: str) -> None:
    """A symbol of any letters reaches the exchange as it is."""
    assert MARKETS[market].depth_url("http://a", symbol, 5) == url
