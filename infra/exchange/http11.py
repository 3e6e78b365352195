"""As much of HTTP/1.1 as a JSON API over keep-alive needs: heads read and written. Pure."""

from functools import lru_cache
from gzip import compress
from http import HTTPStatus
from typing import NamedTuple

from infra.exchange.answers import Answer, Delivery


class Request(NamedTuple):
    """One request without its body. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    keep_alive: bool
    body_length: int

    def accepts_gzip(self) -> bool:
        """Whether the client takes a compressed body."""
        return "gzip" in self.headers.get("accept-encoding", "")


def parse_head(head: bytes) -> Request | None:
    """Read a request line and headers; None where they are none."""
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


def compose(answer: Answer, request: Request, used_weight: int, date: str, gzip: bool) -> tuple[bytes, bytes]:
    """Head and body as they go on the wire. `date` is the value of the Date header."""
    encoding, body = "", answer.body
    if gzip and request.accepts_gzip() and answer.status == 200:
        encoding, body = "Content-Encoding: gzip\r\n", _compressed(body)
    length = "Transfer-Encoding: chunked" if answer.delivery is Delivery.REPEAT else f"Content-Length: {len(body)}"
    extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    head = (
        f"HTTP/1.1 {answer.status} {_phrase(answer.status)}\r\nContent-Type: {answer.content_type}\r\n{length}\r\n"
        f"Connection: {'keep-alive' if request.keep_alive else 'close'}\r\nDate: {date}\r\nServer: nginx\r\n"
        f"x-mbx-used-weight: {used_weight}\r\nx-mbx-used-weight-1m: {used_weight}\r\n{encoding}{extra}\r\n"
    )
    return head.encode("latin-1"), b"" if request.method == "HEAD" else body


@lru_cache(maxsize=64)
def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


# A body is compressed once and not per request; bytes remember their own hash.
@lru_cache(maxsize=512)
def _compressed(body: bytes) -> bytes:
    return compress(body, 1, mtime=0)
