"""What a request asks for, or what is wrong with it in the exchange's own words. Pure.

Sources: binance-spot-api-docs rest-api.md ("Order book", "Exchange information") and errors.md ("11xx").
"""

import json
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from infra.fake_exchange.answers import Answer, error, nginx
from infra.fake_exchange.limits import depth_weight
from infra.fake_exchange.pairs import is_legal

DEPTH, EXCHANGE_INFO, PING, TIME = "/api/v3/depth", "/api/v3/exchangeInfo", "/api/v3/ping", "/api/v3/time"
MAX_LEVELS = 5000

_DEFAULT_LEVELS = 100
_PARAMETERS = {
    DEPTH: ("symbol", "limit", "symbolStatus"),
    EXCHANGE_INFO: ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
    PING: (),
    TIME: (),
}
_WEIGHTS = {DEPTH: 5, EXCHANGE_INFO: 20}
_SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
_LIMIT_RANGE = "^[0-9]{1,20}$"


class Query(NamedTuple):
    """One request, understood. With a `refusal` it is answered by that and the rest tells what could be read."""

    path: str
    weight: int = 1
    symbol: str | None = None
    limit: int | None = None
    symbols: tuple[str, ...] = ()
    refusal: Answer | None = None


class _RefusedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        self.answer = error(400, code, message)


# The same few targets are asked for again and again.
@lru_cache(maxsize=8192)
def understand(method: str, target: str) -> Query:
    """Read a request line's method and target."""
    path, _, text = target.partition("?")
    path = unquote(path)
    if path not in _PARAMETERS:
        return Query(path, refusal=nginx(404, "404 Not Found"))
    if method != "GET":
        return Query(path, refusal=nginx(405, "405 Not Allowed"))
    pairs = parse_qsl(text, keep_blank_values=True)
    parameters = dict(pairs)
    query = Query(path, _WEIGHTS.get(path, 1), parameters.get("symbol"))
    try:
        _check_names(path, pairs)
        return _depth(query, parameters) if path == DEPTH else _info(query, parameters)
    except _RefusedError as refused:
        return query._replace(refusal=refused.answer)


def _check_names(path: str, pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    read = [name for name in names if name in _PARAMETERS[path]]
    if len(set(read)) < len(read):
        raise _RefusedError(-1101, "Duplicate values for a parameter detected.")
    if len(read) < len(names):
        message = f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(names)}'."
        raise _RefusedError(-1104, message)
    for name, value in pairs:
        if not value:
            raise _RefusedError(-1105, f"Parameter '{name}' was empty.")


def _depth(query: Query, parameters: dict[str, str]) -> Query:
    if query.symbol is None:
        raise _missing("symbol")
    _check_symbol("symbol", query.symbol)
    limit = _limit(parameters.get("limit"))
    status = parameters.get("symbolStatus", "TRADING")
    if status not in ("TRADING", "HALT", "BREAK"):
        raise _RefusedError(-1122, "Invalid symbolStatus.")
    if status != "TRADING":
        raise _RefusedError(-1220, "The symbol's status does not match the requested symbolStatus.")
    return query._replace(limit=limit, weight=depth_weight(limit))


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LEVELS
    if not re.fullmatch("[0-9]{1,20}", text):
        raise _illegal("limit", _LIMIT_RANGE)
    if int(text) == 0:
        raise _missing("limit")
    return min(int(text), MAX_LEVELS)


def _info(query: Query, parameters: dict[str, str]) -> Query:
    symbols = [query.symbol] if query.symbol is not None else _list(parameters.get("symbols", "[]"))
    for symbol in symbols:
        _check_symbol("symbol" if query.symbol else "symbols", symbol)
    return query._replace(symbols=tuple(symbols))


def _list(text: str) -> list[str]:
    try:
        symbols = json.loads(text)
    except ValueError:
        symbols = None
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise _illegal("symbols", r'^\["[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}\]$')
    return symbols


def _check_symbol(name: str, symbol: str) -> None:
    if not is_legal(symbol):
        raise _illegal(name, _SYMBOL_RANGE)


def _illegal(name: str, legal_range: str) -> _RefusedError:
    return _RefusedError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'.")


def _missing(name: str) -> _RefusedError:
    return _RefusedError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
