"""The body of `GET /api/v3/exchangeInfo`: rest-api.md, "Exchange information". Pure."""

import json
from collections.abc import Iterable
from typing import Any

from infra.fake_exchange.books import decimal
from infra.fake_exchange.pairs import UNIT, Pair, pair_of
from infra.fake_exchange.weight_limit import WEIGHT_LIMIT

_ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")

_PRECISIONS = (
    "baseAssetPrecision",
    "quotePrecision",
    "quoteAssetPrecision",
    "baseCommissionPrecision",
    "quoteCommissionPrecision",
)
_ALLOWED = (
    *("icebergAllowed", "ocoAllowed", "otoAllowed", "quoteOrderQtyMarketAllowed", "allowTrailingStop"),
    *("cancelReplaceAllowed", "amendAllowed", "isSpotTradingAllowed"),
)


def exchange_info(symbols: Iterable[str], weight_limit: int, now_seconds: float) -> bytes:
    """Limits, and every listed pair with its assets and filters."""
    limits = (
        ("REQUEST_WEIGHT", "MINUTE", 1, weight_limit or WEIGHT_LIMIT),
        ("ORDERS", "SECOND", 10, 100),
        ("ORDERS", "DAY", 1, 200_000),
        ("RAW_REQUESTS", "MINUTE", 5, 300_000),
    )
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    info = {
        "timezone": "UTC",
        "serverTime": int(now_seconds * 1000),
        "rateLimits": [dict(zip(names, limit, strict=True)) for limit in limits],
        "exchangeFilters": [],
        "symbols": [_pair_info(pair_of(symbol)) for symbol in symbols],
    }
    return json.dumps(info, separators=(",", ":"), ensure_ascii=False).encode()


def _pair_info(pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.symbol,
        "status": "TRADING",
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        **dict.fromkeys(_PRECISIONS, 8),
        "orderTypes": _ORDER_TYPES,
        **dict.fromkeys(_ALLOWED, True),
        "isMarginTradingAllowed": False,
        "filters": _filters(pair),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }


def _filters(pair: Pair) -> list[dict[str, Any]]:
    tick, lot = decimal(pair.tick_units), decimal(pair.lot_units)
    maximum = decimal(9_000_000 * UNIT)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": maximum, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": maximum, "stepSize": lot},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": decimal(0), "maxQty": maximum, "stepSize": decimal(0)},
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]
