"""The body of `GET /api/v3/exchangeInfo`: rest-api.md, "Exchange information". Pure."""

import json
from collections.abc import Iterable
from typing import Any

from infra.fake_exchange.books import decimal
from infra.fake_exchange.pairs import UNIT, Pair, pair_of
from infra.fake_exchange.weight_limit import WEIGHT_LIMIT

_PRECISIONS = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")


def exchange_info(symbols: Iterable[str], weight_limit: int, now_seconds: float) -> bytes:
    """The weight limit, and what clients read of every listed pair: its assets, precisions and main filters."""
    limit = {"interval": "MINUTE", "intervalNum": 1, "limit": weight_limit or WEIGHT_LIMIT}
    info = {
        "timezone": "UTC",
        "serverTime": int(now_seconds * 1000),
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", **limit}],
        "exchangeFilters": [],
        "symbols": [_pair_info(pair_of(symbol)) for symbol in symbols],
    }
    return json.dumps(info, separators=(",", ":"), ensure_ascii=False).encode()


def _pair_info(pair: Pair) -> dict[str, Any]:
    tick, lot, maximum = decimal(pair.tick_units), decimal(pair.lot_units), decimal(9_000_000 * UNIT)
    return {
        "symbol": pair.symbol,
        "status": "TRADING",
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        **dict.fromkeys(_PRECISIONS, 8),
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": maximum, "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": maximum, "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": maximum},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }
