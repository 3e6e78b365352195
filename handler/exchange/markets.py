"""The facts of each market: hosts, limits and request weights. A new market is one row of MARKETS.

Spot: binance-spot-api-docs, rest-api.md, "General API Information", "Order book" and "IP Limits". USD-M futures:
developers.binance.com, "General Info" and "Order Book".
"""

from typing import NamedTuple
from urllib.parse import quote


class Market(NamedTuple):
    """One market of the exchange. Weights are counted per IP address and clock minute."""

    name: str
    base_url: str
    path: str
    max_levels: int  # of each side, in one answer
    limits: tuple[int, ...]  # the limits that a request may have; () for any
    weights: tuple[tuple[int, int], ...]  # (highest limit, weight of a request)
    weight_per_minute: int
    region_advice: str  # what to do if every host answers 451

    def request_limit(self, levels: int) -> int:
        """Return the smallest limit of a request that returns at least `levels`, as far as the market has them."""
        wanted = min(levels, self.max_levels)
        return next((limit for limit in self.limits if wanted <= limit), wanted)

    def request_weight(self, limit: int) -> int:
        """Return the weight of one request with this limit."""
        return next((weight for top, weight in self.weights if limit <= top), self.weights[-1][1])

    def depth_url(self, base_url: str, symbol: str, limit: int) -> str:
        """Return the URL of the top levels of a pair's book. Symbols may have letters outside ASCII."""
        return f"{base_url}{self.path}?symbol={quote(symbol, safe='')}&limit={limit}"


SPOT = Market(
    name="spot",
    base_url="https://data-api.binance.vision",  # public data without a key; api.binance.com answers 451 in the US
    path="/api/v3/depth",
    max_levels=5000,
    limits=(),
    weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
    weight_per_minute=6000,
    region_advice="use --base-url https://data-api.binance.vision, which serves public data to all regions,"
    " or run in another region",
)
USDM = Market(
    name="usdm",
    base_url="https://fapi.binance.com",
    path="/fapi/v1/depth",
    max_levels=1000,
    limits=(5, 10, 20, 50, 100, 500, 1000),  # any other: HTTP 400, code -4021
    weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    weight_per_minute=2400,
    region_advice="no mirror of USD-M futures serves all regions: run in another region",
)
MARKETS: dict[str, Market] = {market.name: market for market in (SPOT, USDM)}
