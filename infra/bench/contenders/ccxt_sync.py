"""ccxt's synchronous half, without its throttle. It is not made for threads, so a sweep is a loop."""

from collections.abc import Sequence
from typing import Any

import ccxt  # type: ignore[import-not-found]

from infra.bench.contender import line, run


def options(url: str) -> dict[str, Any]:
    """As in its manual, but for the host, the throttle, and futures, whose markets it would load too."""
    return {
        "enableRateLimit": False,
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
        "urls": {"api": {"public": f"{url}/api/v3"}},
    }


def market_names(exchange: Any) -> dict[str, str]:
    """The exchange's name of each pair → ccxt's."""
    return {market["id"]: name for name, market in exchange.markets.items()}


class CcxtSync:
    """ccxt.binance."""

    def __init__(self, url: str) -> None:
        self._exchange = ccxt.binance(options(url))
        self._exchange.load_markets()
        self._names = market_names(self._exchange)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return [self._sample(symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """One after the other, too."""
        return [self._sample(symbol, levels) for symbol in symbols]

    def _sample(self, symbol: str, levels: int) -> str:
        book = self._exchange.fetch_order_book(self._names[symbol], levels)
        return line(symbol, book["bids"], book["asks"], levels)


if __name__ == "__main__":
    run(CcxtSync)
