"""python-binance's Client; one for each thread, since it keeps the last response in an attribute."""

import threading
from typing import Any

from binance.client import Client  # type: ignore[import-not-found]

from infra.bench.contender import Threaded, line, run, split


class PythonBinance(Threaded):
    """As in its documentation, but for the host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        Client.API_URL, Client.FUTURES_URL = f"{url}/api", f"{url}/fapi"
        self._own = threading.local()

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        market, pair = split(symbol)
        client = self._client()
        fetch = client.get_order_book if market == "spot" else client.futures_order_book
        book = fetch(symbol=pair, limit=levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def _client(self) -> Any:
        if not hasattr(self._own, "client"):
            self._own.client = Client()
        return self._own.client


if __name__ == "__main__":
    run(PythonBinance)
