"""python-binance's Client; in threads one each, since it keeps the last answer on itself."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from binance.client import Client  # type: ignore[import-not-found]

from infra.bench.contender import line, run

THREADS = 16


class PythonBinance:
    """As its documentation shows it, but for the host."""

    def __init__(self, url: str) -> None:
        Client.API_URL = f"{url}/api"
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(THREADS)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return [self._sample(symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """In threads."""
        return list(self._pool.map(lambda symbol: self._sample(symbol, levels), symbols))

    def _sample(self, symbol: str, levels: int) -> str:
        book = self._client().get_order_book(symbol=symbol, limit=levels)
        return line(symbol, book["bids"], book["asks"], levels)

    def _client(self) -> Any:
        if not hasattr(self._own, "client"):
            self._own.client = Client()
        return self._own.client


if __name__ == "__main__":
    run(PythonBinance)
