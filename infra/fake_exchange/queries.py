"""Request line → query, or the error that the exchange responds with. Pure.

Sources: binance-spot-api-docs rest-api.md ("Order book", "Exchange information") and errors.md ("11xx").
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from infra.fake_exchange.markets import MARKETS, SPOT, FakeMarket
from infra.fake_exchange.pairs import is_valid_symbol
from infra.fake_exchange.responses import Response, api_error, nginx_error

DEPTH, EXCHANGE_INFO, PING, TIME = "depth", "exchangeInfo", "ping", "time"

_PARAMETERS = {
    DEPTH: ("symbol", "limit", "symbolStatus"),
    EXCHANGE_INFO: ("showPermissionSets",),
    PING: (),
    TIME: (),
}
_ENDPOINTS = {market.path(name): (market, name) for market in MARKETS for name in _PARAMETERS}
_SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
_LIMIT_RANGE = "^[0-9]{1,20}$"


class Query(NamedTuple):
    """One parsed request. An `error` is the response to it; the other fields are what could be parsed."""

    path: str
    endpoint: str = ""
    market: FakeMarket = SPOT
    weight: int = 1
    symbol: str | None = None
    limit: int | None = None
    error: Response | None = None


class _InvalidRequest(Exception):
    def __init__(self, code: int, message: str) -> None:
        self.response = api_error(400, code, message)


# The same few targets are requested again and again.
@lru_cache(maxsize=8192)
def parse_query(method: str, target: str) -> Query:
    """Parse the method and target of a request line."""
    path, _, text = target.partition("?")
    path = unquote(path)
    if path not in _ENDPOINTS:
        market = next((market for market in MARKETS if path.startswith(market.prefix)), SPOT)
        return Query(path, market=market, error=nginx_error(404, "404 Not Found"))
    market, endpoint = _ENDPOINTS[path]
    if method != "GET":
        return Query(path, market=market, error=nginx_error(405, "405 Not Allowed"))
    pairs = parse_qsl(text, keep_blank_values=True)
    parameters = dict(pairs)
    weight = {DEPTH: market.depth_weight(1), EXCHANGE_INFO: market.info_weight}.get(endpoint, 1)
    query = Query(path, endpoint, market, weight, parameters.get("symbol"))
    try:
        _check_names(query, pairs)
        return _depth(query, parameters) if endpoint == DEPTH else query
    except _InvalidRequest as invalid:
        return query._replace(error=invalid.response)


def _check_names(query: Query, pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    has_status = query.market.has_status_parameter
    known = [name for name in names if name in _PARAMETERS[query.endpoint] and (has_status or name != "symbolStatus")]
    if len(set(known)) < len(known):
        raise _InvalidRequest(-1101, "Duplicate values for a parameter detected.")
    if len(known) < len(names):
        message = f"Not all sent parameters were read; read '{len(known)}' parameter(s) but was sent '{len(names)}'."
        raise _InvalidRequest(-1104, message)
    for name, value in pairs:
        if not value:
            raise _InvalidRequest(-1105, f"Parameter '{name}' was empty.")


def _depth(query: Query, parameters: dict[str, str]) -> Query:
    if query.symbol is None:
        raise _missing("symbol")
    if not is_valid_symbol(query.symbol):
        raise _illegal("symbol", _SYMBOL_RANGE)
    limit = _limit(query.market, parameters.get("limit"))
    status = parameters.get("symbolStatus", "TRADING")
    if status not in ("TRADING", "HALT", "BREAK"):
        raise _InvalidRequest(-1122, "Invalid symbolStatus.")
    if status != "TRADING":
        raise _InvalidRequest(-1220, "The symbol's status does not match the requested symbolStatus.")
    return query._replace(limit=limit, weight=query.market.depth_weight(limit))


def _limit(market: FakeMarket, text: str | None) -> int:
    if text is None:
        return market.default_limit
    if not re.fullmatch("[0-9]{1,20}", text):
        raise _illegal("limit", _LIMIT_RANGE)
    if market.limits and int(text) not in market.limits:
        raise _InvalidRequest(-4021, f"{text} is not valid depth limit.")
    if int(text) == 0:
        raise _missing("limit")
    return min(int(text), market.max_limit)


def _illegal(name: str, legal_range: str) -> _InvalidRequest:
    return _InvalidRequest(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'.")


def _missing(name: str) -> _InvalidRequest:
    return _InvalidRequest(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
