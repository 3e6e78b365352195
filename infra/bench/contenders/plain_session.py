"""What most scripts do: one requests.Session, shared by 16 threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from infra.bench.contender import line, run

THREADS = 16


class PlainSession:
    """A new session for each sweep, as at a start."""

    def __init__(self, url: str) -> None:
        self._url = url

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other, over one connection."""
        with requests.Session() as session:
            return [self._sample(session, symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """In threads."""
        with requests.Session() as session, ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(lambda symbol: self._sample(session, symbol, levels), symbols))

    def _sample(self, session: requests.Session, symbol: str, levels: int) -> str:
        answer = session.get(f"{self._url}/api/v3/depth", params={"symbol": symbol, "limit": str(levels)}, timeout=10)
        book = answer.json()
        return line(symbol, book["bids"], book["asks"], levels)


if __name__ == "__main__":
    run(PlainSession)
