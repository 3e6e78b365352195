"""A response before it is sent (status, headers, body, delivery), and how it and a request look as bytes."""

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from functools import lru_cache
from gzip import compress
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from infra.fake_exchange.markets import FakeMarket

if TYPE_CHECKING:
    from infra.fake_exchange.connection import Connection

HTML, JSON = "text/html", "application/json;charset=UTF-8"
Delivery = Callable[["Connection", bytes, bytes, float], Awaitable[None]]
"""Sends head and body over a connection; the amount is seconds or a count."""


async def send(connection: "Connection", head: bytes, body: bytes, _: float) -> None:
    """Send a response whole, at once."""
    connection.write(head + body)


class Response(NamedTuple):
    """One response. `headers` are those beyond what every response has, or instead of one of them."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    deliver: Delivery = send
    amount: float = 0.0


def api_error(status: int, code: int, message: str, *headers: tuple[str, str]) -> Response:
    """An error in the exchange's own format: errors.md, "Errors consist of two parts"."""
    body = json.dumps({"code": code, "msg": message}, separators=(",", ":"), ensure_ascii=False)
    return Response(status, body.encode(), headers=headers)


def nginx_error(status: int, title: str) -> Response:
    """The HTML page of the reverse proxy in front of the exchange."""
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, page.encode(), HTML)


class Request(NamedTuple):
    """One request without its body. Header names are in lower case."""

    method: str = "GET"
    target: str = "/"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    keep_alive: bool = False
    body_length: int = 0


def parse_head(head: bytes) -> Request | None:
    """Read a request line and headers; None if they are malformed."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = headers.get("content-length", "0")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not length.isdecimal():
        return None
    keep_alive = headers.get("connection", "").lower() != "close" and parts[2] != "HTTP/1.0"
    return Request(parts[0], parts[1], headers, keep_alive, int(length))


def encode(
    response: Response, request: Request, market: FakeMarket, *, used_weight: int, date: str, gzip: bool
) -> tuple[bytes, bytes]:
    """Head and body as bytes: the header fields of the real exchange behind CloudFront, in their order.

    A compressed body comes in chunks, since a server that compresses while it sends does not know the length before.
    """
    body, framing, headers = response.body, f"Content-Length: {len(response.body)}", dict(response.headers)
    if gzip and response.status == 200 and "gzip" in request.headers.get("accept-encoding", ""):
        body, framing = _compressed(body), "Transfer-Encoding: chunked"
        headers["Content-Encoding"] = "gzip"
    fields = market.head.format(
        content_type=response.content_type,
        framing=framing,
        connection="keep-alive" if request.keep_alive else "close",
        date=headers.pop("Date", date),
        server=headers.pop("Server", "nginx"),
        uuid=UUID(bytes=random.randbytes(16), version=4),
        used_weight=used_weight,
        cache=headers.pop("X-Cache", f"{'Miss' if response.status < 400 else 'Error'} from cloudfront"),
        cloudfront_id=urlsafe_b64encode(random.randbytes(40)).decode(),
        extra="".join(f"{name}: {value}\r\n" for name, value in headers.items()),
    )
    head = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n{fields}\r\n"
    return head.encode("latin-1"), body


# Bodies repeat until the next step. bytes cache their own hash.
@lru_cache(maxsize=512)
def _compressed(body: bytes) -> bytes:
    """As one chunk, with the end of all chunks behind it."""
    packed = compress(body, 1, mtime=0)
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
