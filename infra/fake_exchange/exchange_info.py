"""The body of `GET …/exchangeInfo`: rest-api.md, "Exchange information"; futures: "Exchange Information". Pure."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from infra.fake_exchange.books import decimal
from infra.fake_exchange.markets import USDM, FakeMarket
from infra.fake_exchange.pairs import UNIT, Pair, pair_of

NEVER_MS = 4_133_404_800_000
"""The delivery date of a perpetual contract."""
_PRECISIONS = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")


def exchange_info(market: FakeMarket, symbols: Iterable[str], weight_limit: int, now_seconds: float) -> bytes:
    """The weight limit, and what clients read of every listed pair: its assets, precisions and main filters."""
    limit = {"interval": "MINUTE", "intervalNum": 1, "limit": weight_limit or market.weight_limit}
    info = {
        "timezone": "UTC",
        "serverTime": int(now_seconds * 1000),
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", **limit}],
        "exchangeFilters": [],
        "symbols": [_symbol_info(market, symbol) for symbol in symbols],
    }
    return json.dumps(info, separators=(",", ":"), ensure_ascii=False).encode()


def _delivery_ms(date: str) -> int:
    """When a contract of this date, such as 261225, is delivered: at 8:00 UTC."""
    return int(datetime.strptime(f"{date}08+0000", "%y%m%d%H%z").timestamp() * 1000)


def _symbol_info(market: FakeMarket, symbol: str) -> dict[str, Any]:
    pair = pair_of(symbol)
    return _pair_info(pair) | (_contract_info(pair) if market is USDM else {})


def _contract_info(pair: Pair) -> dict[str, Any]:
    """What a futures contract has besides."""
    base, _, date = pair.symbol.partition("_")
    return {
        "pair": base,
        "contractType": "CURRENT_QUARTER" if date else "PERPETUAL",
        "deliveryDate": _delivery_ms(date) if date else NEVER_MS,
        "onboardDate": 1_569_398_400_000,
        "marginAsset": pair.quote,
        "pricePrecision": pair.price_decimals,
        "quantityPrecision": pair.quantity_decimals,
        "underlyingType": "COIN",
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


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
