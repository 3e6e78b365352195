"""Request → query, or the error that the exchange answers with; and how a response looks as bytes.

Sources: binance-spot-api-docs rest-api.md ("Order book") and errors.md ("11xx").
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from gzip import compress
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from infra.fake_exchange.markets import MARKETS, SPOT, FakeMarket
from infra.testkit.server import Answer, Delivery, Request, send

HTML, JSON = "text/html", "application/json;charset=UTF-8"
_PATHS = {market.path: market for market in MARKETS}
_SYMBOL = re.compile(r"(?:(?![a-z])[\w\-.]){1,50}")
_SYMBOL_RANGE, _LIMIT_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$", "^[0-9]{1,20}$"
_ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
_MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


class Response(NamedTuple):
    """One response. `headers` are those beyond what every response has, or instead of one of them."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})
    deliver: Delivery = send
    amount: float = 0.0


class Query(NamedTuple):
    """One parsed request. An `error` is the response to it; the other fields are what could be parsed."""

    path: str
    market: FakeMarket = SPOT
    weight: int = 1
    symbol: str = ""
    limit: int = 0
    error: Response | None = None


def api_error(status: int, code: int, message: str, retry_after: str | None = None) -> Response:
    """An error in the exchange's own format: errors.md, "Errors consist of two parts"."""
    body = json.dumps({"code": code, "msg": message}, separators=(",", ":"), ensure_ascii=False)
    return Response(status, body.encode(), headers={"Retry-After": retry_after} if retry_after else {})


def nginx_error(status: int, title: str) -> Response:
    """The HTML page of the reverse proxy in front of the exchange."""
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>"
    )
    return Response(status, page.encode(), HTML)


# The same few targets are requested again and again.
@lru_cache(maxsize=8192)
def parse_query(method: str, target: str) -> Query:
    """Parse the method and target of a request line."""
    path, _, text = target.partition("?")
    path = unquote(path)
    if path not in _PATHS or method != "GET":
        return Query(path, error=nginx_error(404, "404 Not Found"))
    market = _PATHS[path]
    parameters = dict(parse_qsl(text, keep_blank_values=True))
    symbol, limit = parameters.pop("symbol", ""), parameters.pop("limit", str(market.default_limit))
    if error := _error(market, symbol, limit, unknown=len(parameters)):
        return Query(path, market, market.depth_weight(1), symbol, error=error)
    top = min(int(limit), market.max_limit)
    return Query(path, market, market.depth_weight(top), symbol, top)


def _error(market: FakeMarket, symbol: str, limit: str, unknown: int) -> Response | None:
    if unknown:
        return api_error(400, -1104, "Not all sent parameters were read.")
    if not symbol:
        return api_error(400, -1102, _MISSING.format("symbol"))
    if not _SYMBOL.fullmatch(symbol):
        return api_error(400, -1100, _ILLEGAL.format("symbol", _SYMBOL_RANGE))
    if not re.fullmatch("[0-9]{1,20}", limit):
        return api_error(400, -1100, _ILLEGAL.format("limit", _LIMIT_RANGE))
    if market.limits and int(limit) not in market.limits:
        return api_error(400, -4021, f"{limit} is not valid depth limit.")
    return None if int(limit) else api_error(400, -1102, _MISSING.format("limit"))


def encode(
    response: Response, request: Request, market: FakeMarket, used_weight: int, date: str, *, gzip: bool
) -> Answer:
    """The answer as bytes, with the header fields of the real exchange behind CloudFront.

    A compressed body comes in chunks, since a server that compresses while it sends does not know the length before.
    """
    body, framing = response.body, {"Content-Length": str(len(response.body))}
    if gzip and response.status == 200 and "gzip" in request.headers.get("accept-encoding", ""):
        body, framing = _compressed(body), {"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"}
    own = {"Connection": "keep-alive" if request.keep_alive else "close", "Date": date}
    weight = dict.fromkeys(market.weight_headers, str(used_weight))
    usual = {"Content-Type": response.content_type} | framing | own | weight
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in {**usual, **market.head, **response.headers}.items()]
    return Answer("\r\n".join([*lines, "", ""]).encode("latin-1"), body, response.deliver, response.amount)


# Bodies repeat until the next step. bytes cache their own hash.
@lru_cache(maxsize=512)
def _compressed(body: bytes) -> bytes:
    """As one chunk, with the end of all chunks behind it."""
    packed = compress(body, 1, mtime=0)
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
