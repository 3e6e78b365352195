"""What the exchange remembers of each request."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from infra.fake_exchange import deliveries
from infra.fake_exchange.api import Outcome
from infra.fake_exchange.http11 import Request
from infra.fake_exchange.queries import DEPTH


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request and its response. Header names are in lower case."""

    monotonic_seconds: float
    wall_seconds: float
    connection: int
    method: str
    path: str
    symbol: str | None
    limit: int | None
    host: str
    headers: Mapping[str, str]
    status: int
    """0 where no response was sent."""
    fault: str
    """`ok`, a key of FAULTS, or `closed`: the connection was closed when the request came (close-reuse)."""
    body: bytes
    """Of a depth response, before compression and as if all of it were delivered; otherwise empty."""
    retry_after: str | None = None
    """The response's header of that name, in seconds."""


def logged_request(connection: int, request: Request, outcome: Outcome, now_seconds: float) -> LoggedRequest:
    """The log entry of a request that came on this connection at this time (epoch)."""
    query, response = outcome.query, outcome.response
    is_sent = response.delivery not in (deliveries.hang, deliveries.reset_at_once)
    return LoggedRequest(
        monotonic_seconds=time.monotonic(),
        wall_seconds=now_seconds,
        connection=connection,
        method=request.method,
        path=query.path,
        symbol=query.symbol,
        limit=query.limit,
        host=request.headers.get("host", ""),
        headers=request.headers,
        status=response.status if is_sent else 0,
        fault=outcome.fault,
        body=response.body if is_sent and query.endpoint == DEPTH else b"",
        retry_after=dict(response.headers).get("Retry-After"),
    )
