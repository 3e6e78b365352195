"""As much of HTTP/1.1 as a JSON API over keep-alive needs: heads read and written. Pure."""

from base64 import urlsafe_b64encode
from functools import lru_cache
from gzip import compress
from http import HTTPStatus
from typing import NamedTuple
from uuid import UUID

from infra.fake_exchange import deliveries
from infra.fake_exchange.markets import FakeMarket
from infra.fake_exchange.responses import Response


class Request(NamedTuple):
    """One request without its body. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    keep_alive: bool
    body_length: int


def parse_head(head: bytes) -> Request | None:
    """Read a request line and headers; None if they are malformed."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        return None
    keep_alive = headers.get("connection", "").lower() != "close" and parts[2] != "HTTP/1.0"
    return Request(parts[0], parts[1], headers, keep_alive, int(length))


class ResponseContext(NamedTuple):
    """What goes into a head besides the response. `date` is the Date header's value, `token` 56 random bytes."""

    market: FakeMarket
    used_weight: int
    date: str
    token: bytes
    gzip: bool = True


def encode(response: Response, request: Request, context: ResponseContext) -> tuple[bytes, bytes]:
    """Head and body as bytes: the header fields of the real exchange behind CloudFront, in their order.

    A compressed body comes in chunks, since a server that compresses while it sends does not know the length before.
    """
    market = context.market
    body, framing, encoding = response.body, f"Content-Length: {len(response.body)}", ""
    if response.delivery is deliveries.huge:
        framing = "Transfer-Encoding: chunked"
    elif context.gzip and response.status == 200 and accepts_gzip(request.headers.get("accept-encoding", "")):
        body, framing, encoding = _compressed(body), "Transfer-Encoding: chunked", "Content-Encoding: gzip\r\n"
    headers = dict(response.headers)
    server = headers.pop("Server", market.server)
    cache = headers.pop("X-Cache", "Miss from cloudfront" if response.status < 400 else "Error from cloudfront")
    fields = market.head.format(
        content_type=response.content_type or market.json_type,
        framing=framing,
        connection="keep-alive" if request.keep_alive else "close",
        date=context.date,
        server=server,
        uuid=UUID(bytes=context.token[:16], version=4),
        used_weight=context.used_weight,
        encoding=encoding,
        extra="".join(f"{name}: {value}\r\n" for name, value in headers.items()),
        cache=cache,
        cloudfront_id=urlsafe_b64encode(context.token[16:]).decode(),
    )
    head = f"HTTP/1.1 {response.status} {_phrase(response.status)}\r\n{fields}\r\n"
    return head.encode("latin-1"), b"" if request.method == "HEAD" else body


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether this value of Accept-Encoding allows a body compressed with gzip (RFC 9110, 12.5.3)."""
    weights = {}
    for item in accept_encoding.lower().split(","):
        name, _, parameters = item.partition(";")
        weights[name.strip()] = parameters.replace(" ", "").removeprefix("q=")
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", "0")))
    return weight.strip("0.") != "" or weight == ""


@lru_cache(maxsize=64)
def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


# Bodies repeat until the next step. bytes cache their own hash.
@lru_cache(maxsize=512)
def _compressed(body: bytes) -> bytes:
    """As one chunk, with the end of all chunks behind it."""
    packed = compress(body, 1, mtime=0)
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
