"""Each market sends valid limits and charges their weight; its words mean its pairs."""

import pytest

from handler.book import Book
from handler.errors import UsageError
from handler.exchanges import binance_usdm
from handler.exchanges.binance_pairs import Pair
from handler.exchanges.market import MARKETS, Market
from handler.exchanges.responses import Rejected

WEIGHTS = {
    "spot": {1: 5, 100: 5, 101: 25, 500: 25, 501: 50, 1000: 50, 1001: 250, 5000: 250},
    "usdm": {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20},
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name: str) -> None:
    """The weight of each limit is that of the documentation."""
    assert {limit: MARKETS[name].request_weight(limit) for limit in WEIGHTS[name]} == WEIGHTS[name]


@pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)
def test_limits(market: Market) -> None:
    """Any number of levels is within its limit, and a limit is its own."""
    limits = {levels: market.request_limit(levels) for levels in range(1, market.MAX_LEVELS + 1)}
    assert all(limit >= levels for levels, limit in limits.items())
    assert all(market.request_limit(limit) == limit for limit in limits.values())


def test_limits_of_futures() -> None:
    """Futures take seven limits, and the next one is used."""
    limits = {binance_usdm.request_limit(levels) for levels in range(1, 1001)}
    assert limits == {5, 10, 20, 50, 100, 500, 1000}
    assert [binance_usdm.request_limit(levels) for levels in (1, 5, 6, 51, 101, 501)] == [5, 5, 10, 100, 500, 1000]


def test_url_of_futures() -> None:
    """The URL of a contract's book."""
    url = binance_usdm.depth_url("https://fapi.binance.com", "BTCUSDT_261225", 20)
    assert url == "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT_261225&limit=20"


@pytest.mark.parametrize(
    ("word", "symbol"),
    [("BTC", "BTCUSDT"), ("btcusdt_261225", "BTCUSDT_261225"), ("ETH/BTC", "ETHBTC"), ("BTC/USDC", "BTCUSDC")],
)
def test_contracts(word: str, symbol: str) -> None:
    """A dated contract is taken as it is; other words mean what they mean on spot."""
    assert binance_usdm.read_pair(word, "USDT").symbol == symbol


def test_dated_contract_has_no_hint() -> None:
    """Nothing was appended to a dated contract, so there is nothing to say about it."""
    assert binance_usdm.read_pair("BTCUSDT_261225", "USDT") == Pair("BTCUSDT_261225")


def test_settlement_asset() -> None:
    """The spelling of ccxt for a perpetual contract is refused with the right one."""
    with pytest.raises(UsageError, match=r"write BTC/USDT$"):
        binance_usdm.read_pair("BTC/USDT:USDT", "USDT")


def test_futures_book() -> None:
    """A book of futures has the engine's time; prices and quantities have any number of decimals."""
    body = (
        b'{"lastUpdateId":7,"E":1795341600125,"T":1795341600123,"bids":[["57618","0.01731"]],"asks":[["57618.1","3"]]}'
    )
    book = binance_usdm.classify_response(200, {}, body, now=0.0)
    assert isinstance(book, Book)
    assert (book.exchange_time_ms, book.bids.levels, book.asks.levels) == (
        1795341600123,
        [(57618.0, 0.01731)],
        [(57618.1, 3.0)],
    )


def test_invalid_limit_of_futures() -> None:
    """An invalid limit is the caller's mistake: it is not retried."""
    response = binance_usdm.classify_response(400, {}, b'{"code":-4021,"msg":"7 is not valid depth limit."}', now=0.0)
    assert response == Rejected("7 is not valid depth limit. (code -4021)")
