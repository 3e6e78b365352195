"""What the exchange remembers of a request, for those who want to account for it. Pure but for the monotonic clock."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from infra.fake_exchange.answers import Delivery
from infra.fake_exchange.api import Outcome
from infra.fake_exchange.http11 import Request
from infra.fake_exchange.queries import DEPTH

_SILENT = (Delivery.HANG, Delivery.RESET_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what was answered. Header names are in lower case."""

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
    """0 where no answer was sent."""
    fault: str
    """`ok`, a name of the table of faults, or `closed`: it came on a connection that close-reuse had doomed."""
    body: bytes
    """Of a depth answer, before compression and before a delivery that loses some of it; otherwise empty."""
    retry_after: str | None = None
    """The answer's header of that name, in seconds."""


def asked(connection: int, request: Request, outcome: Outcome, now_seconds: float) -> Asked:
    """What is remembered of this request, which came on this connection at this time (epoch)."""
    (query, answer, _, fault), headers = outcome, request.headers
    sent = answer.delivery not in _SILENT
    return Asked(
        monotonic_seconds=time.monotonic(),
        wall_seconds=now_seconds,
        connection=connection,
        method=request.method,
        path=query.path,
        symbol=query.symbol,
        limit=query.limit,
        host=headers.get("host", ""),
        headers=headers,
        status=answer.status if sent else 0,
        fault=fault,
        body=answer.body if sent and query.path == DEPTH else b"",
        retry_after=dict(answer.headers).get("Retry-After"),
    )
