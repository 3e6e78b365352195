"""What differs between the exchange's markets: paths, limits, weights, decimals. Pure.

Sources: binance-spot-api-docs rest-api.md, "LIMITS" and "Order book"; developers.binance.com, USD-M Futures, "General
Info", "Order Book" and "Error Code".
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class FakeMarket:
    """One market. A path is the prefix and a name, such as `/api/v3` and `depth`."""

    name: str
    prefix: str
    weight_limit: int
    """Request weight a UTC clock minute, per IP."""
    depth_weights: tuple[tuple[float, int], ...]
    """The weight of a depth request up to each limit."""
    limits: tuple[int, ...]
    """The only valid limits; empty: any, and a larger one than the maximum means the maximum."""
    default_limit: int
    max_limit: int
    info_weight: int
    has_status_parameter: bool
    has_own_decimals: bool
    """Whether each pair is written with its own number of decimals, instead of eight."""
    has_times: bool
    """Whether a depth response has `E` and `T`."""
    premium_bps: int
    """How far its prices are above those of spot."""

    def path(self, name: str) -> str:
        """The path of an endpoint."""
        return f"{self.prefix}/{name}"

    def depth_weight(self, limit: int) -> int:
        """Weight of one depth request."""
        return next(weight for top, weight in self.depth_weights if limit <= top)


SPOT = FakeMarket(
    name="spot",
    prefix="/api/v3",
    weight_limit=6000,  # since 2023-08-25
    depth_weights=((100, 5), (500, 25), (1000, 50), (math.inf, 250)),  # since 2023-10-19
    limits=(),
    default_limit=100,
    max_limit=5000,
    info_weight=20,
    has_status_parameter=True,
    has_own_decimals=False,
    has_times=False,
    premium_bps=0,
)
USDM = FakeMarket(
    name="usdm",
    prefix="/fapi/v1",
    weight_limit=2400,
    depth_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    limits=(5, 10, 20, 50, 100, 500, 1000),
    default_limit=500,
    max_limit=1000,
    info_weight=1,
    has_status_parameter=False,
    has_own_decimals=True,
    has_times=True,
    premium_bps=5,
)
MARKETS = (SPOT, USDM)
