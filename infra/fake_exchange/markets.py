"""The differences between the exchange's markets: paths, limits, weights, decimals, times, heads, messages.

Sources: binance-spot-api-docs rest-api.md, "LIMITS" and "Order book"; developers.binance.com, USD-M Futures, "General
Info", "Order Book" and "Error Code". Heads of responses as recorded in public: of spot in ccxt's examples (2022) and
python-binance #1638 (2025), of futures in ccxt #9273 (2021).
"""

import math
from dataclasses import dataclass

_ENGINE_LEAD_MS = 3  # how long before it is sent the matching engine had a futures book


@dataclass(frozen=True, eq=False)
class FakeMarket:
    """One market. Its messages have gaps that the responses fill in."""

    name: str
    path: str
    weight_limit: int  # a UTC clock minute and IP
    depth_weights: tuple[tuple[float, int], ...]  # up to each limit
    limits: tuple[int, ...]  # the only valid ones; empty: any, and a larger one than the maximum means the maximum
    default_limit: int
    max_limit: int
    is_futures: bool  # a body has the times E and T, and each pair its own number of decimals instead of eight
    head: dict[str, str]
    weight_headers: tuple[str, ...]
    too_much_weight: str  # of a 429; the text has changed before, so clients match the code -1003 instead
    banned: str  # of a 418; the only place that has the end of the ban as a time

    def depth_weight(self, limit: int) -> int:
        """Weight of one depth request."""
        return next(weight for top, weight in self.depth_weights if limit <= top)

    def times(self, now_seconds: float) -> bytes:
        """The times in a depth response sent now: of the output (E) and of the matching engine (T), if it has any."""
        output_ms = int(now_seconds * 1000) - 1
        return b'"E":%d,"T":%d,' % (output_ms, output_ms + 1 - _ENGINE_LEAD_MS) if self.is_futures else b""


_SPOT_HEAD = (
    "Server: nginx|x-mbx-uuid: 6f1d2c3b-4a59-4687-9a0b-1c2d3e4f5061|"
    "Strict-Transport-Security: max-age=31536000; includeSubdomains|X-Frame-Options: SAMEORIGIN|"
    "X-Xss-Protection: 1; mode=block|X-Content-Type-Options: nosniff|Content-Security-Policy: default-src 'self'|"
    "X-Content-Security-Policy: default-src 'self'|X-WebKit-CSP: default-src 'self'|"
    "Cache-Control: no-cache, no-store, must-revalidate|Pragma: no-cache|Expires: 0|Access-Control-Allow-Origin: *|"
    "Access-Control-Allow-Methods: GET, HEAD, OPTIONS|"
)
_USDM_HEAD = (
    "Server: nginx|Vary: Accept-Encoding|x-response-time: 1ms|"
    "Access-Control-Allow-Origin: *|Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS|"
    "Access-Control-Allow-Credentials: true|"
    "Access-Control-Allow-Headers: *,clienttype,Content-Type,lang,x-ui-request-trace,bnc-uuid|"
    "Content-Security-Policy: default-src 'self'|cache-control: no-cache, no-store, must-revalidate|expires: 0|"
    "pragma: no-cache|strict-transport-security: max-age=31536000; includeSubdomains|x-content-type-options: nosniff|"
    "x-frame-options: SAMEORIGIN|x-xss-protection: 1; mode=block|"
)
_CLOUDFRONT = (
    "X-Cache: Miss from cloudfront|Via: 1.1 3f9a0c5e7b2d4816a0c5e7b2d48163f9.cloudfront.net (CloudFront)|"
    "X-Amz-Cf-Pop: FRA60-P9|X-Amz-Cf-Id: 5Jf0mWc1xV2kQd3nYz4bTg6hRp7sLa8uEe9iOoKjMwXvBtNqZyHrDg=="
)


def _fields(head: str) -> dict[str, str]:
    return dict(field.split(": ", 1) for field in (head + _CLOUDFRONT).split("|"))


SPOT = FakeMarket(
    name="spot",
    path="/api/v3/depth",
    weight_limit=6000,  # since 2023-08-25
    depth_weights=((100, 5), (500, 25), (1000, 50), (math.inf, 250)),  # since 2023-10-19
    limits=(),
    default_limit=100,
    max_limit=5000,
    is_futures=False,
    head=_fields(_SPOT_HEAD),
    weight_headers=("x-mbx-used-weight", "x-mbx-used-weight-1m"),
    too_much_weight="Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API.",
    banned="Way too much request weight used; IP banned until {until_ms}. "
    "Please use WebSocket Streams for live updates to avoid bans.",
)
USDM = FakeMarket(
    name="usdm",
    path="/fapi/v1/depth",
    weight_limit=2400,
    depth_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    limits=(5, 10, 20, 50, 100, 500, 1000),
    default_limit=500,
    max_limit=1000,
    is_futures=True,
    head=_fields(_USDM_HEAD),
    weight_headers=("X-MBX-USED-WEIGHT-1M",),
    too_much_weight="Too many requests; current limit of IP(127.0.0.1) is {limit} requests per minute. "
    "Please use the websocket for live updates to avoid polling the API.",
    banned="Way too many requests; IP(127.0.0.1) banned until {until_ms}. "
    "Please use the websocket for live updates to avoid bans.",
)
MARKETS = (SPOT, USDM)
