"""What can go wrong with a request to DynamoDB: the name of a fault → how the proxy handles the request."""

import json
import socket
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from infra.testkit.table_proxy import ProxyServer

HANG_SECONDS = 6.0
SLOW_SECONDS = 0.7
LINGER_RESET = struct.pack("ii", 1, 0)
"""A linger time of 0 makes close() send RST instead of FIN: socket(7), SO_LINGER."""
JSON = "application/x-amz-json-1.0"


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    content_type: str = JSON


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

    def forward(self, body: bytes) -> Response:
        """Have DynamoDB carry out this request."""
        dropped = ("host", "content-length", "connection")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        return self.server.proxy.forward(headers, body)

    def respond(self, response: Response, *, cut_bytes: int = 0) -> None:
        """Send the response; without its last bytes, the connection is closed early."""
        head = f"HTTP/1.1 {response.status} -\r\nContent-Type: {response.content_type}\r\n"
        if response.content_type == JSON:  # it comes from DynamoDB, not from a server on the way
            head += "x-amzn-RequestId: PROXY\r\n"
        head += f"Content-Length: {len(response.body)}\r\n\r\n"
        self.wfile.write(head.encode() + response.body[: len(response.body) - cut_bytes])
        self.close_connection = self.close_connection or cut_bytes > 0

    def reset(self) -> None:
        """Reset the connection (RST)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


Fault = Callable[[Request], None]


def error(status: int, code: str) -> Response:
    """DynamoDB's own kind of error."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "from the fault proxy"}
    return Response(status, json.dumps(body).encode())


def _respond_with(response: Response) -> Fault:
    return lambda request: request.respond(response)


def _ok(request: Request) -> None:
    request.respond(request.forward(request.body))


def _slow(request: Request) -> None:
    response = request.forward(request.body)
    request.server.stopping.wait(SLOW_SECONDS)
    request.respond(response)


def _hang(request: Request) -> None:
    request.server.stopping.wait(HANG_SECONDS)
    request.reset()


def _refused(request: Request) -> None:
    request.reset()


def _lost(request: Request) -> None:
    request.forward(request.body)
    request.reset()


def _lost_500(request: Request) -> None:
    request.forward(request.body)
    request.respond(error(500, "InternalServerError"))


def _cut(request: Request) -> None:
    request.respond(request.forward(request.body), cut_bytes=1)


def _unprocessed(request: Request) -> None:
    """Carry out the first half of a batch; the response hands the other half back."""
    batch = json.loads(request.body)
    ((table, part),) = batch["RequestItems"].items()
    is_write = isinstance(part, list)
    entries = part if is_write else part["Keys"]
    first, second = entries[: len(entries) // 2], entries[len(entries) // 2 :]
    if not first:
        _ok(request)
        return
    batch["RequestItems"][table] = first if is_write else part | {"Keys": first}
    response = request.forward(json.dumps(batch).encode())
    rest = {table: second if is_write else part | {"Keys": second}}
    key = "UnprocessedItems" if is_write else "UnprocessedKeys"
    request.respond(Response(response.status, json.dumps(json.loads(response.body) | {key: rest}).encode()))


FAULTS: dict[str, Fault] = {
    "ok": _ok,
    "slow": _slow,
    "throttled": _respond_with(error(400, "ProvisionedThroughputExceededException")),
    "throttling": _respond_with(error(400, "ThrottlingException")),
    "500": _respond_with(error(500, "InternalServerError")),
    "503": _respond_with(Response(503, b"<html>away</html>", "text/html")),
    "garbage": _respond_with(Response(200, b"<html>sign in</html>", "text/html")),
    "refused": _refused,
    "hang": _hang,
    "lost": _lost,
    "lost-500": _lost_500,
    "cut": _cut,
    "unprocessed": _unprocessed,
    "expired-key": _respond_with(error(400, "ExpiredTokenException")),
}
"""`lost`, `lost-500` and `cut` happen after the write: the item is in the table, but the writer is not informed."""

PUT_FAULTS = tuple(name for name in FAULTS if name not in ("ok", "unprocessed", "expired-key"))
"""Faults that any PutItem can meet."""
