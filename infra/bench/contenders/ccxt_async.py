"""ccxt's async half, without its throttle."""

import asyncio
from collections.abc import Sequence

import ccxt.async_support as ccxt  # type: ignore[import-not-found]

from infra.bench.contender import line, run
from infra.bench.contenders.ccxt_options import markets, options


class CcxtAsync:
    """As its manual shows it, but for the host, the throttle, and futures, which it would ask for too."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._exchange = self._loop.run_until_complete(self._open(url))
        self._unified = markets(self._exchange)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return self._loop.run_until_complete(self._samples(symbol, levels, count))

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """All at once."""
        return self._loop.run_until_complete(self._sweep(symbols, levels))

    async def _open(self, url: str) -> ccxt.binance:
        exchange = ccxt.binance(options(url))
        await exchange.load_markets()
        return exchange

    async def _samples(self, symbol: str, levels: int, count: int) -> list[str]:
        return [await self._sample(symbol, levels) for _ in range(count)]

    async def _sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        return list(await asyncio.gather(*(self._sample(symbol, levels) for symbol in symbols)))

    async def _sample(self, symbol: str, levels: int) -> str:
        book = await self._exchange.fetch_order_book(self._unified[symbol], levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def close(self) -> None:
        """Say goodbye."""
        self._loop.run_until_complete(self._exchange.close())


if __name__ == "__main__":
    run(CcxtAsync)
