"""Request line → query, or the error that the exchange responds with.

Sources: binance-spot-api-docs rest-api.md ("Order book") and errors.md ("11xx").
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from infra.fake_exchange.markets import MARKETS, SPOT, FakeMarket
from infra.fake_exchange.responses import Response, api_error, nginx_error

_PATHS = {market.path: market for market in MARKETS}
_SYMBOL = re.compile(r"(?:(?![a-z])[\w\-.]){1,50}")
_SYMBOL_RANGE, _LIMIT_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$", "^[0-9]{1,20}$"
_ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
_MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


class Query(NamedTuple):
    """One parsed request. An `error` is the response to it; the other fields are what could be parsed."""

    path: str
    market: FakeMarket = SPOT
    weight: int = 1
    symbol: str = ""
    limit: int = 0
    error: Response | None = None


def is_valid_symbol(symbol: str) -> bool:
    """True for 1 to 50 letters of any script but a-z, digits, -, _ and `.`."""
    return _SYMBOL.fullmatch(symbol) is not None


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
    if not is_valid_symbol(symbol):
        return api_error(400, -1100, _ILLEGAL.format("symbol", _SYMBOL_RANGE))
    if not re.fullmatch("[0-9]{1,20}", limit):
        return api_error(400, -1100, _ILLEGAL.format("limit", _LIMIT_RANGE))
    if market.limits and int(limit) not in market.limits:
        return api_error(400, -4021, f"{limit} is not valid depth limit.")
    return None if int(limit) else api_error(400, -1102, _MISSING.format("limit"))
