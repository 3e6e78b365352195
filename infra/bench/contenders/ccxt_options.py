"""How both ccxt contenders are set up."""

from typing import Any


def options(url: str) -> dict[str, Any]:
    """Ask the stand-in, for spot markets only, unthrottled."""
    return {
        "enableRateLimit": False,
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
        "urls": {"api": {"public": f"{url}/api/v3"}},
    }


def markets(exchange: Any) -> dict[str, str]:
    """The exchange's spelling of each pair → ccxt's."""
    return {market["id"]: name for name, market in exchange.markets.items()}
