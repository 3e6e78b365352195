"""ccxt, without its throttle, which allows 20 books a second. It knows no threads: a sweep is a loop."""

from collections.abc import Sequence

import ccxt  # type: ignore[import-not-found]

from infra.bench.contender import line, run
from infra.bench.contenders.ccxt_options import markets, options


class Ccxt:
    """As its manual shows it, but for the host, the throttle, and futures, which it would ask for too."""

    def __init__(self, url: str) -> None:
        self._exchange = ccxt.binance(options(url))
        self._exchange.load_markets()
        self._unified = markets(self._exchange)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return [self._sample(symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """One after the other, too."""
        return [self._sample(symbol, levels) for symbol in symbols]

    def _sample(self, symbol: str, levels: int) -> str:
        book = self._exchange.fetch_order_book(self._unified[symbol], levels)
        return line(symbol, book["bids"], book["asks"], levels)


if __name__ == "__main__":
    run(Ccxt)
