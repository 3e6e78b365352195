"""What lies between the function and its two services: simulated latencies, and the table in memory."""

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from unittest.mock import patch

from botocore.exceptions import ClientError

from handler.errors import RequestFailed
from handler.exchanges.http import HttpClient, Response
from handler.stores.items import Item

EXCHANGE_SECONDS, SLOW_EXCHANGE_SHARE, SLOW_EXCHANGE_SECONDS = 0.08, 0.01, 2.0
TABLE_SECONDS, SLOW_TABLE_SHARE, SLOW_TABLE_SECONDS = 0.015, 0.005, 1.0


class TableClient(Protocol):
    """The part of a DynamoDB client that the function uses."""

    def put_item(self, **request: Any) -> Any:
        """Put an item, on a condition."""


class MemoryTable:
    """A table that knows one operation: put an item unless its key is taken."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Raises ClientError with the item that is there."""
        item = request["Item"]
        key = item["series"]["S"], item["slot"]["S"]
        if key in self.items:
            raise client_error("ConditionalCheckFailedException", 400, Item=self.items[key])
        self.items[key] = item
        return {}


def client_error(code: str, status: int, **more: Any) -> ClientError:
    """An error as boto3 raises it."""
    response = {"Error": {"Code": code, "Message": "simulated"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError({**response, **more}, "PutItem")


class Network:
    """Requests to both services take simulated time, some of them long; either service may hang or fail."""

    def __init__(self, draw: random.Random) -> None:
        self.exchange_hangs = self.table_fails = self.is_stuck = False
        self._draw = draw

    def get(self, send: Callable[[], Response], seconds: float) -> Response:
        """Request a book, within so many seconds. Raises RequestFailed."""
        latency = self._latency(EXCHANGE_SECONDS, SLOW_EXCHANGE_SHARE, SLOW_EXCHANGE_SECONDS)
        if self.is_stuck:
            time.sleep(math.inf)
        if self.exchange_hangs or latency >= seconds:
            time.sleep(seconds)
            raise RequestFailed("no response (simulated)")
        time.sleep(latency / 2)
        response = send()
        time.sleep(latency / 2)
        return response

    def put_item(self, client: TableClient, request: dict[str, Any]) -> Any:
        """Put an item. Raises what the client raises, or ClientError while the table fails."""
        latency = self._latency(TABLE_SECONDS, SLOW_TABLE_SHARE, SLOW_TABLE_SECONDS)
        time.sleep(latency / 2)
        if self.table_fails:
            raise client_error("InternalServerError", 500)
        try:
            return client.put_item(**request)
        finally:
            time.sleep(latency / 2)

    def _latency(self, mean_seconds: float, slow_share: float, slow_seconds: float) -> float:
        latency = self._draw.expovariate(1 / mean_seconds)
        return latency + (self._draw.uniform(0, slow_seconds) if self._draw.random() < slow_share else 0.0)


class DelayedTable:
    """A client of the table behind the network."""

    def __init__(self, network: Network, client: TableClient) -> None:
        self._network, self._client = network, client

    def put_item(self, **request: Any) -> Any:
        """Put an item."""
        return self._network.put_item(self._client, request)


@contextmanager
def delayed_requests(network: Network) -> Iterator[None]:
    """Put the network between the function's HTTP client and the exchange."""
    get = HttpClient.get

    def delayed_get(client: HttpClient, url: str, seconds: float) -> Response:
        return network.get(lambda: get(client, url, seconds), seconds)

    with patch.object(HttpClient, "get", delayed_get):
        yield
