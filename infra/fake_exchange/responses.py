"""A response before it is sent: status, headers, body, and how it is delivered."""

import json
from typing import NamedTuple

from infra.fake_exchange.deliveries import Delivery, send

HTML = "text/html"


class Response(NamedTuple):
    """One response. `headers` are those beyond what every response has, or instead of one of them.

    Where there is no `content_type`, it is that of the market's JSON.
    `delivery` sends it over a connection; what `amount` means depends on the delivery: seconds, megabytes, a count.
    """

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = send
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
