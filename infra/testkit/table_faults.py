"""What can go wrong with a request to DynamoDB: the name of a fault → how the proxy handles the request."""

import json
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from infra.testkit.table_proxy import ProxyServer

AMZ_JSON = "application/x-amz-json-1.0"
HANG_SECONDS, SLOW_SECONDS = 6.0, 0.7
LINGER_RESET = struct.pack("ii", 1, 0)
"""A linger time of 0 makes close() send RST instead of FIN: socket(7), SO_LINGER."""


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    content_type: str = AMZ_JSON


class Request(BaseHTTPRequestHandler):
    """One request on its way through the proxy, and the next ones of its connection."""

    protocol_version = "HTTP/1.1"
    server: "ProxyServer"

    def do_POST(self) -> None:
        """Handle a request as the fault that it meets does."""
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        FAULTS[self.server.proxy.choose_fault(operation, self.headers["Authorization"] or "")](self)
        self.close_connection = self.close_connection or self.server.stopping.is_set()

    def forward(self) -> Response:
        """Have DynamoDB carry it out."""
        dropped = ("host", "content-length", "connection")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        return self.server.proxy.forward(headers, self.body)

    def respond(self, response: Response, *, cut_bytes: int = 0) -> None:
        """Send the response; without its last bytes, the connection is closed early."""
        head = f"HTTP/1.1 {response.status} -\r\nContent-Type: {response.content_type}\r\n"
        if response.content_type == AMZ_JSON:  # it comes from DynamoDB, not from a server on the way
            head += "x-amzn-RequestId: PROXY\r\n"
        head += f"Content-Length: {len(response.body)}\r\n\r\n"
        self.wfile.write(head.encode() + response.body[: len(response.body) - cut_bytes])
        self.close_connection = self.close_connection or cut_bytes > 0

    def reset(self) -> None:
        """Reset the connection (RST)."""
        self.connection.setsockopt(SOL_SOCKET, SO_LINGER, LINGER_RESET)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


Fault = Callable[[Request], None]


def _answer(response: Response) -> Fault:
    return lambda request: request.respond(response)


def _error(status: int, code: str) -> Fault:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "from the fault proxy"}
    return _answer(Response(status, json.dumps(body).encode()))


def _slow(request: Request) -> None:
    response = request.forward()
    request.server.stopping.wait(SLOW_SECONDS)
    request.respond(response)


def _hang(request: Request) -> None:
    request.server.stopping.wait(HANG_SECONDS)
    request.reset()


def _lost(request: Request) -> None:
    request.forward()
    request.reset()


def _lost_500(request: Request) -> None:
    request.forward()
    FAULTS["500"](request)


FAULTS: dict[str, Fault] = {
    "ok": lambda request: request.respond(request.forward()),
    "slow": _slow,
    "throttled": _error(400, "ProvisionedThroughputExceededException"),
    "throttling": _error(400, "ThrottlingException"),
    "conflict": _error(400, "ReplicatedWriteConflictException"),
    "500": _error(500, "InternalServerError"),
    "503": _answer(Response(503, b"<html>away</html>", "text/html")),
    "garbage": _answer(Response(200, b"<html>sign in</html>", "text/html")),
    "foreign": _answer(Response(200, b'{"status":"ok"}', "application/json")),
    "refused": Request.reset,
    "hang": _hang,
    "lost": _lost,
    "lost-500": _lost_500,
    "cut": lambda request: request.respond(request.forward(), cut_bytes=1),
    "expired-key": _error(400, "ExpiredTokenException"),
}
"""`lost`, `lost-500` and `cut` happen after the write: the item is in the table, but the writer is not informed."""

PUT_FAULTS = tuple(name for name in FAULTS if name not in ("ok", "foreign", "expired-key"))
"""Faults that any PutItem can meet, and that pass."""
