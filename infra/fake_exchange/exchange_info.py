"""The body of `GET …/exchangeInfo`: rest-api.md, "Exchange information"; futures: "Exchange Information". Pure."""

import json
from collections.abc import Iterable
from typing import Any

from infra.fake_exchange.books import decimal
from infra.fake_exchange.markets import USDM, FakeMarket
from infra.fake_exchange.pairs import UNIT, Pair, delivery_ms, pair_of, underlying_pair

NEVER_MS = 4_133_404_800_000
"""The delivery date of a perpetual contract."""
_MAXIMUM_UNITS = 9_000_000 * UNIT
_ORDER_TYPES = ["LIMIT", "MARKET"]


def exchange_info(market: FakeMarket, symbols: Iterable[str], weight_limit: int, now_seconds: float) -> bytes:
    """The weight limit, and what clients read of every listed pair: its assets, precisions and main filters."""
    limit = {"interval": "MINUTE", "intervalNum": 1, "limit": weight_limit or market.weight_limit}
    pairs = [pair_of(symbol) for symbol in symbols]
    info: dict[str, Any] = {"timezone": "UTC", "serverTime": int(now_seconds * 1000)}
    if market is USDM:
        margin_assets = dict.fromkeys(pair.quote for pair in pairs)
        info["futuresType"] = "U_MARGINED"
        info["assets"] = [{"asset": asset, "marginAvailable": True} for asset in margin_assets]
    info["rateLimits"] = [{"rateLimitType": "REQUEST_WEIGHT", **limit}]
    info["exchangeFilters"] = []
    info["symbols"] = [_contract(pair) if market is USDM else _spot_pair(pair) for pair in pairs]
    return json.dumps(info, separators=(",", ":"), ensure_ascii=False).encode()


def _spot_pair(pair: Pair) -> dict[str, Any]:
    return {
        "symbol": pair.symbol,
        "status": "TRADING",
        "baseAsset": pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": _ORDER_TYPES,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            *_filters(pair, 8, 8),
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": decimal(_MAXIMUM_UNITS)},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _contract(pair: Pair) -> dict[str, Any]:
    delivered_ms = delivery_ms(pair.symbol)
    return {
        "symbol": pair.symbol,
        "pair": underlying_pair(pair.symbol),
        "contractType": "CURRENT_QUARTER" if delivered_ms else "PERPETUAL",
        "deliveryDate": delivered_ms or NEVER_MS,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        "marginAsset": pair.quote,
        "pricePrecision": pair.price_decimals,
        "quantityPrecision": pair.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": [
            *_filters(pair, pair.price_decimals, pair.quantity_decimals),
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": _ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _filters(pair: Pair, price_decimals: int, quantity_decimals: int) -> list[dict[str, str]]:
    tick, lot = decimal(pair.tick_units, price_decimals), decimal(pair.lot_units, quantity_decimals)
    max_price, max_quantity = decimal(_MAXIMUM_UNITS, price_decimals), decimal(_MAXIMUM_UNITS, quantity_decimals)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": max_price, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": max_quantity, "stepSize": lot},
    ]
