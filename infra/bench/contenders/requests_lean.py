"""requests without what it does for each request: prepared once, sent by the adapter, no environment, no cookies."""

import json
from functools import lru_cache

import requests
from requests.adapters import HTTPAdapter

from infra.bench.contender import Threaded, line, run, target


class RequestsLean(Threaded):
    """One adapter for all threads."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._session = requests.Session()
        self._adapter = HTTPAdapter(pool_maxsize=64)
        self._request = lru_cache(maxsize=4096)(self._prepare)

    def _prepare(self, symbol: str, levels: int) -> requests.PreparedRequest:
        return self._session.prepare_request(requests.Request("GET", self._url + target(symbol, levels)))

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        response = self._adapter.send(self._request(symbol, levels), timeout=10)
        response.raise_for_status()
        book = json.loads(response.content)
        return line(symbol, book["bids"], book["asks"], levels)


if __name__ == "__main__":
    run(RequestsLean)
