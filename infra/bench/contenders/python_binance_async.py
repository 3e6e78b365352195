"""python-binance's AsyncClient."""

import asyncio
from collections.abc import Sequence

from binance.async_client import AsyncClient  # type: ignore[import-not-found]

from infra.bench.contender import line, run


class PythonBinanceAsync:
    """As its documentation shows it, but for the host."""

    def __init__(self, url: str) -> None:
        AsyncClient.API_URL = f"{url}/api"
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(AsyncClient.create())

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return self._loop.run_until_complete(self._samples(symbol, levels, count))

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """All at once."""
        return self._loop.run_until_complete(self._sweep(symbols, levels))

    async def _samples(self, symbol: str, levels: int, count: int) -> list[str]:
        return [await self._sample(symbol, levels) for _ in range(count)]

    async def _sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        return list(await asyncio.gather(*(self._sample(symbol, levels) for symbol in symbols)))

    async def _sample(self, symbol: str, levels: int) -> str:
        book = await self._client.get_order_book(symbol=symbol, limit=levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def close(self) -> None:
        """Say goodbye."""
        self._loop.run_until_complete(self._client.close_connection())


if __name__ == "__main__":
    run(PythonBinanceAsync)
