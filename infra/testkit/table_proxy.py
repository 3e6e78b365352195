"""A proxy in front of DynamoDB whose requests fail as the service and the network do: at random, or on demand."""

import json
import random
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from infra.testkit.server import Answer, Connection, Delivery, HttpServer, Request, cut, hang, refuse, send


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
    "slow": Fault(seconds=0.7),
    "throttled": Fault(error(400, "ProvisionedThroughputExceededException")),
    "throttling": Fault(error(400, "ThrottlingException")),
    "conflict": Fault(error(400, "ReplicatedWriteConflictException")),
    "500": Fault(_INTERNAL),
    "503": Fault(Response(503, b"<html>away</html>", "text/html")),
    "garbage": Fault(Response(200, b"<html>sign in</html>", "text/html")),
    "refused": Fault(_INTERNAL, deliver=refuse),
    "hang": Fault(_INTERNAL, deliver=hang),
    "lost": Fault(deliver=refuse),
    "lost-500": Fault(_INTERNAL, is_lost=True),
    "cut": Fault(deliver=cut),
    "expired-key": Fault(error(400, "ExpiredTokenException")),
}
"""`lost`, `lost-500` and `cut` happen after the write: the item is in the table, but the writer is not informed."""

PUT_FAULTS = tuple(name for name in FAULTS if name not in ("ok", "expired-key"))
"""Faults that any PutItem can meet, and that pass."""


class TableProxy(HttpServer):
    """Without an `upstream` (URL) it accepts everything and keeps nothing.

    It forwards one request at a time, because moto checks a condition and writes in two steps.
    """

    def __init__(self, upstream: str | None, *, seed: int = 0) -> None:
        super().__init__()
        self.rate = 0.0  # the probability of a random fault
        self.faults: dict[str, deque[str]] = {}  # operation → the faults of its next requests
        self.operations: list[str] = []  # of the requests so far
        self.on_request: Callable[[int], object] | None = None  # called with the number of each before it is handled
        self.expired_key = ""  # the access key whose session is over, so that it is rejected
        self.counts: Counter[str] = Counter()  # fault → how often it happened
        self._upstream = urlsplit(upstream) if upstream else None
        self._random = random.Random(seed)
        self._forwarding = threading.Lock()

    def respond(self, connection: Connection, request: Request) -> Answer:  # noqa: ARG002
        """Have DynamoDB carry out a request, or not, and answer as its fault says."""
        operation = request.headers["x-amz-target"].split(".")[1]
        self.operations.append(operation)
        if self.on_request:
            self.on_request(len(self.operations))
        with self._forwarding:
            name = self._next_fault(operation, request.headers.get("authorization", ""))
            self.counts[name] += 1
            fault = FAULTS[name]
            response = fault.answer
            if response is None or fault.is_lost:
                carried_out = self.carry_out(request)
                response = response or carried_out
        head = f"HTTP/1.1 {response.status} -\r\nContent-Type: {response.content_type}\r\n"
        if response.content_type == "application/x-amz-json-1.0":  # from DynamoDB, not from a server on the way
            head += "x-amzn-RequestId: PROXY\r\n"
        head += f"Content-Length: {len(response.body)}\r\n\r\n"
        return Answer(head.encode(), response.body, fault.deliver, fault.seconds)

    def carry_out(self, request: Request) -> Response:
        """What DynamoDB answers."""
        if self._upstream is None:
            return Response(200, b"{}")
        dropped = ("host", "content-length", "connection")
        headers = {name: value for name, value in request.headers.items() if name not in dropped}
        with closing(HTTPConnection(self._upstream.hostname or "", self._upstream.port)) as to:
            to.request("POST", "/", request.body, headers)
            response = to.getresponse()
            return Response(response.status, response.read())

    def _next_fault(self, operation: str, authorization: str) -> str:
        if self.expired_key and f"Credential={self.expired_key}/" in authorization:
            return "expired-key"
        if self.faults.get(operation):
            return self.faults[operation].popleft()
        return self._random.choice(PUT_FAULTS) if self._random.random() < self.rate else "ok"
