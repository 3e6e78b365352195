"""requests as in its quickstart: one session, `get`, `json`."""

import requests

from infra.bench.contender import Threaded, line, run, target


class RequestsPlain(Threaded):
    """One session for all threads."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._session = requests.Session()

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        response = self._session.get(self._url + target(symbol, levels), timeout=10)
        response.raise_for_status()
        book = response.json()
        return line(symbol, book["bids"], book["asks"], levels)


if __name__ == "__main__":
    run(RequestsPlain)
