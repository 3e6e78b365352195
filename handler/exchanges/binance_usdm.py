"""Binance's USD-M futures market: hosts, path, limits and weights. Pure.

Facts: developers.binance.com, USD-M Futures, "General Info" and "Order Book".
"""

from urllib.parse import quote as percent_encoded

from handler.exchanges.binance import classify_response as classify_response  # of all of Binance's markets
from handler.exchanges.binance import used_weight as used_weight
from handler.exchanges.binance_pairs import Pair, upper
from handler.exchanges.binance_pairs import read_pair as read_perpetual
from handler.exchanges.binance_pairs import read_quote as read_quote

DEFAULT_BASE_URL = "https://fapi.binance.com"

LIMITS = (5, 10, 20, 50, 100, 500, 1000)
"""Any other is an error (code -4021)."""

MAX_LEVELS = LIMITS[-1]
"""Levels of each side that one request can return."""

WEIGHT_PER_MINUTE = 2400
"""Request weight that one IP address may use in a clock minute."""

REGION_ADVICE = "no mirror of USD-M futures serves all regions, as there is one for spot: run in another region"


def request_limit(levels: int) -> int:
    """The smallest limit of a request that brings so many levels."""
    return next(limit for limit in LIMITS if levels <= limit)


def request_weight(limit: int) -> int:
    """What a depth request with this limit counts against WEIGHT_PER_MINUTE."""
    return next(weight for top, weight in ((50, 2), (100, 5), (500, 10), (MAX_LEVELS, 20)) if limit <= top)


def depth_url(base_url: str, symbol: str, limit: int) -> str:
    """The URL of the top levels of a contract's book."""
    return f"{base_url}/fapi/v1/depth?symbol={percent_encoded(symbol, safe='')}&limit={limit}"


def read_pair(word: str, quote: str, name: str = "--symbol") -> Pair:
    """The contract that a word means: as on spot, but a dated one, such as `BTCUSDT_261225`, is taken as it is."""
    return Pair(upper(word)) if "_" in word else read_perpetual(word, quote, name)
