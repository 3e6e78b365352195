"""Binance's spot market: hosts, path, limits and weights. Pure.

Facts: binance-spot-api-docs, rest-api.md, "General API Information", "Order book" and "IP Limits".
"""

from urllib.parse import quote

from handler.exchanges.binance import classify_response as classify_response  # of all of Binance's markets
from handler.exchanges.binance import used_weight as used_weight
from handler.exchanges.binance_pairs import read_pair as read_pair
from handler.exchanges.binance_pairs import read_quote as read_quote

DEFAULT_BASE_URL = "https://data-api.binance.vision"
"""Public market data without a key, also for US regions, where api.binance.com answers 451 (ccxt issue 15893)."""

MAX_LEVELS = 5000
"""Levels of each side that one request can return."""

WEIGHT_PER_MINUTE = 6000
"""Request weight that one IP address may use in a clock minute."""

REGION_ADVICE = f"use --base-url {DEFAULT_BASE_URL}, which serves public data to all regions, or run in another region"


def request_limit(levels: int) -> int:
    """The smallest limit of a request that brings so many levels: any number is valid."""
    return levels


def request_weight(limit: int) -> int:
    """What a depth request with this limit counts against WEIGHT_PER_MINUTE."""
    return next(weight for top, weight in ((100, 5), (500, 25), (1000, 50), (MAX_LEVELS, 250)) if limit <= top)


def depth_url(base_url: str, symbol: str, limit: int) -> str:
    """The URL of the top levels of a pair's book."""
    return f"{base_url}/api/v3/depth?symbol={quote(symbol, safe='')}&limit={limit}"
