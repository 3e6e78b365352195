"""ccxt's asynchronous half, without its throttle."""

import asyncio

import ccxt.async_support as ccxt  # type: ignore[import-not-found]

from infra.bench.contender import Asynchronous, line, run
from infra.bench.contenders.ccxt_sync import market_names, options


class CcxtAsync(Asynchronous):
    """ccxt.async_support.binance."""

    def __init__(self, url: str) -> None:
        super().__init__(asyncio.new_event_loop())
        self._exchange = self.loop.run_until_complete(self._open(url))
        self._names = market_names(self._exchange)

    async def _open(self, url: str) -> ccxt.binance:
        exchange = ccxt.binance(options(url))
        await exchange.load_markets()
        return exchange

    async def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        book = await self._exchange.fetch_order_book(self._names[symbol], levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def close(self) -> None:
        """Close its connections."""
        self.loop.run_until_complete(self._exchange.close())


if __name__ == "__main__":
    run(CcxtAsync)
