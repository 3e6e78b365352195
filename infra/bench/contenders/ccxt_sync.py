"""ccxt's synchronous half, without its throttle. It is not made for threads, so a sweep is a loop."""

from collections.abc import Sequence

import ccxt  # type: ignore[import-not-found]

from infra.bench.contender import Threaded, line, run


class CcxtSync(Threaded):
    """As in its manual, but for the host, the throttle, and futures, whose markets it would load too."""

    def __init__(self, url: str) -> None:
        super().__init__()
        options = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}
        urls = {"api": {"public": f"{url}/api/v3"}}
        self._exchange = ccxt.binance({"enableRateLimit": False, "options": options, "urls": urls})
        self._exchange.load_markets()
        self._names = {market["id"]: name for name, market in self._exchange.markets.items()}

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """One after the other."""
        return [self.sample(symbol, levels) for symbol in symbols]

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        book = self._exchange.fetch_order_book(self._names[symbol], levels)
        return line(symbol, book["bids"], book["asks"], levels)


if __name__ == "__main__":
    run(CcxtSync)
