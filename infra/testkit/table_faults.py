"""Faults of requests to DynamoDB: the name of a fault → the answer of the proxy."""

import json
from typing import NamedTuple

from infra.testkit.server import Delivery, cut, hang, refuse, send, slow


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    content_type: str = "application/x-amz-json-1.0"


class Fault(NamedTuple):
    """DynamoDB carries the request out unless `answer` is sent instead; with `is_lost`, both."""

    answer: Response | None = None
    is_lost: bool = False
    deliver: Delivery = send
    seconds: float = 0.0


def error(status: int, code: str) -> Response:
    """DynamoDB's own kind of error."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "from the fault proxy"}
    return Response(status, json.dumps(body).encode())


_INTERNAL = error(500, "InternalServerError")

FAULTS: dict[str, Fault] = {
    "ok": Fault(),
    "slow": Fault(deliver=slow, seconds=0.7),
    "throttled": Fault(error(400, "ProvisionedThroughputExceededException")),
    "throttling": Fault(error(400, "ThrottlingException")),
    "conflict": Fault(error(400, "ReplicatedWriteConflictException")),
    "500": Fault(_INTERNAL),
    "503": Fault(Response(503, b"<html>away</html>", "text/html")),
    "garbage": Fault(Response(200, b"<html>sign in</html>", "text/html")),
    "foreign": Fault(Response(200, b'{"status":"ok"}', "application/json")),
    "refused": Fault(_INTERNAL, deliver=refuse),
    "hang": Fault(_INTERNAL, deliver=hang),
    "lost": Fault(deliver=refuse),
    "lost-500": Fault(_INTERNAL, is_lost=True),
    "cut": Fault(deliver=cut),
    "expired-key": Fault(error(400, "ExpiredTokenException")),
}
"""`lost`, `lost-500` and `cut` happen after the write: the item is in the table, but the writer is not informed."""

PUT_FAULTS = tuple(name for name in FAULTS if name not in ("ok", "foreign", "expired-key"))
"""Faults that any PutItem can meet, and that pass."""
