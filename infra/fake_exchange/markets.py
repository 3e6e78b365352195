"""What differs between the exchange's markets: paths, limits, weights, decimals, times, heads, messages. Pure.

Sources: binance-spot-api-docs rest-api.md, "LIMITS" and "Order book"; developers.binance.com, USD-M Futures, "General
Info", "Order Book" and "Error Code". Heads of responses as recorded in public: of spot in ccxt's examples (2022) and
python-binance #1638 (2025), of futures in ccxt #9273 (2021).
"""

import math
from dataclasses import dataclass

ENGINE_LEAD_MS = 3
"""How long before it is sent the matching engine had a futures book."""


@dataclass(frozen=True, eq=False)
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
    json_type: str
    """The Content-Type of its JSON."""
    server: str
    """The Server of a response that its own servers send."""
    head: str
    """The header fields of a response in their order, with the names that `http11.encode` fills in."""
    too_much_weight: str
    """The message of a 429, as of 2026; it has changed before, so clients match the code -1003 instead."""
    banned: str
    """The message of a 418; the only place that has the end of the ban as a time."""
    busy: str
    """The message of a 503 with the code -1008."""

    def path(self, name: str) -> str:
        """The path of an endpoint."""
        return f"{self.prefix}/{name}"

    def depth_weight(self, limit: int) -> int:
        """Weight of one depth request."""
        return next(weight for top, weight in self.depth_weights if limit <= top)

    def times(self, now_seconds: float) -> bytes:
        """The times in a depth response sent now: of the output (E) and of the matching engine (T), if it has any."""
        if not self.has_times:
            return b""
        output_ms = int(now_seconds * 1000) - 1
        return b'"E":%d,"T":%d,' % (output_ms, output_ms + 1 - ENGINE_LEAD_MS)


_CLOUDFRONT = """\
X-Cache: {cache}\r
Via: 1.1 3f9a0c5e7b2d4816a0c5e7b2d48163f9.cloudfront.net (CloudFront)\r
X-Amz-Cf-Pop: FRA60-P9\r
X-Amz-Cf-Id: {cloudfront_id}\r
"""
_SPOT_HEAD = (
    """\
Content-Type: {content_type}\r
{framing}\r
Connection: {connection}\r
Date: {date}\r
Server: {server}\r
x-mbx-uuid: {uuid}\r
x-mbx-used-weight: {used_weight}\r
x-mbx-used-weight-1m: {used_weight}\r
{encoding}{extra}\
Strict-Transport-Security: max-age=31536000; includeSubdomains\r
X-Frame-Options: SAMEORIGIN\r
X-Xss-Protection: 1; mode=block\r
X-Content-Type-Options: nosniff\r
Content-Security-Policy: default-src 'self'\r
X-Content-Security-Policy: default-src 'self'\r
X-WebKit-CSP: default-src 'self'\r
Cache-Control: no-cache, no-store, must-revalidate\r
Pragma: no-cache\r
Expires: 0\r
Access-Control-Allow-Origin: *\r
Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r
"""
    + _CLOUDFRONT
)
_USDM_HEAD = (
    """\
Content-Type: {content_type}\r
{framing}\r
Connection: {connection}\r
Date: {date}\r
Server: {server}\r
Vary: Accept-Encoding\r
X-MBX-USED-WEIGHT-1M: {used_weight}\r
x-response-time: 1ms\r
Access-Control-Allow-Origin: *\r
Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS\r
Access-Control-Allow-Credentials: true\r
Access-Control-Allow-Headers: *,clienttype,Content-Type,lang,x-ui-request-trace,bnc-uuid\r
Content-Security-Policy: default-src 'self'\r
cache-control: no-cache, no-store, must-revalidate\r
expires: 0\r
pragma: no-cache\r
strict-transport-security: max-age=31536000; includeSubdomains\r
x-content-type-options: nosniff\r
x-frame-options: SAMEORIGIN\r
x-xss-protection: 1; mode=block\r
{encoding}{extra}"""
    + _CLOUDFRONT
)

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
    json_type="application/json;charset=UTF-8",
    server="nginx",
    head=_SPOT_HEAD,
    too_much_weight=(
        "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    ),
    banned=(
        "Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    ),
    busy="Server is currently overloaded with other requests. Please try again in a few minutes.",
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
    json_type="application/json",
    server="Tengine",
    head=_USDM_HEAD,
    too_much_weight=(
        "Too many requests; current limit of IP(127.0.0.1) is {limit} requests per minute. "
        "Please use the websocket for live updates to avoid polling the API."
    ),
    banned=(
        "Way too many requests; IP(127.0.0.1) banned until {until_ms}. "
        "Please use the websocket for live updates to avoid bans."
    ),
    busy=(
        "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
    ),
)
MARKETS = (SPOT, USDM)
