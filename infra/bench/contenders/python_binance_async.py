"""python-binance's AsyncClient; a sweep gathers all samples."""

import asyncio
from collections.abc import Sequence

from binance.async_client import AsyncClient  # type: ignore[import-not-found]

from infra.bench.contender import line, run, split


class PythonBinanceAsync:
    """As in its documentation, but for the host."""

    def __init__(self, url: str) -> None:
        AsyncClient.API_URL, AsyncClient.FUTURES_URL = f"{url}/api", f"{url}/fapi"
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(AsyncClient.create())

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other, as record lines."""

        async def sequential() -> list[str]:
            return [await self._sample(symbol, levels) for _ in range(count)]

        return self._loop.run_until_complete(sequential())

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """All at once."""

        async def concurrent() -> list[str]:
            return await asyncio.gather(*(self._sample(symbol, levels) for symbol in symbols))

        return self._loop.run_until_complete(concurrent())

    async def _sample(self, symbol: str, levels: int) -> str:
        market, pair = split(symbol)
        fetch = self._client.get_order_book if market == "spot" else self._client.futures_order_book
        book = await fetch(symbol=pair, limit=levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def close(self) -> None:
        """Close its connections."""
        self._loop.run_until_complete(self._client.close_connection())


if __name__ == "__main__":
    run(PythonBinanceAsync)
