"""python-binance's AsyncClient."""

import asyncio

from binance.async_client import AsyncClient  # type: ignore[import-not-found]

from infra.bench.contender import Asynchronous, line, run, split


class PythonBinanceAsync(Asynchronous):
    """As in its documentation, but for the host."""

    def __init__(self, url: str) -> None:
        super().__init__(asyncio.new_event_loop())
        AsyncClient.API_URL, AsyncClient.FUTURES_URL = f"{url}/api", f"{url}/fapi"
        self._client = self.loop.run_until_complete(AsyncClient.create())

    async def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        market, pair = split(symbol)
        fetch = self._client.get_order_book if market == "spot" else self._client.futures_order_book
        book = await fetch(symbol=pair, limit=levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def close(self) -> None:
        """Close its connections."""
        self.loop.run_until_complete(self._client.close_connection())


if __name__ == "__main__":
    run(PythonBinanceAsync)
