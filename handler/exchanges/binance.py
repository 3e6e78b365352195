"""What all of Binance's markets have in common: the body of a depth response, statuses and error codes. Pure.

Statuses and codes: binance-spot-api-docs, rest-api.md "HTTP Return Codes" and "IP Limits", errors.md.
"""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated

import msgspec

from handler.book import Book, Side
from handler.errors import InvalidBook
from handler.exchanges.responses import NoBook, RegionBlocked, Rejected, Retry, RetryAfter
from handler.slots import MAX_EPOCH_SECONDS

MIN_BAN_SECONDS = 120.0
"""Bans last from 2 minutes to 3 days (rest-api.md, "IP Limits")."""

MIN_COOLDOWN_SECONDS = 1.0
"""Minimum after a 429, whatever its Retry-After: it is the last warning before a ban."""

TRANSIENT_CODES = {-1000, -1001, -1003, -1006, -1007, -1008, -1015, -1016, -1034, -1112}
"""Codes of a 400 that may not occur again: unknown error, disconnected, too many requests, unexpected
response, timeout, busy, too many orders, shutting down, too many connections, no orders on the book (errors.md)."""

_BAN_END = re.compile(rb"until (\d{13})")


class _Body(msgspec.Struct):
    bids: msgspec.Raw
    asks: msgspec.Raw
    lastUpdateId: int | None = None  # noqa: N815 - the exchange's name
    T: Annotated[int, msgspec.Meta(ge=0, le=MAX_EPOCH_SECONDS * 1000)] | None = None


_body = msgspec.json.Decoder(_Body, strict=False)  # numbers may be quoted


def parse_depth(body: bytes) -> Book:
    """Read `{"lastUpdateId":…,"bids":[["price","quantity"],…],"asks":[…]}`. Raises InvalidBook.

    Futures add `"T"`, when the matching engine had this book, in epoch milliseconds.
    """
    try:
        fields = _body.decode(body)
        bids, asks = Side.from_json(bytes(fields.bids)), Side.from_json(bytes(fields.asks))
        return Book(bids, asks, fields.lastUpdateId, exchange_time_ms=fields.T)
    except (ValueError, RecursionError) as error:
        raise InvalidBook(f"no order book: {error}: {body[:60]!r}") from error


def used_weight(headers: Mapping[str, str]) -> int | None:
    """How much of the request weight of this minute our address has used; None if the response does not say."""
    weight = headers.get("x-mbx-used-weight-1m", "")
    return int(weight) if weight.isdecimal() and len(weight) < 10 else None


def classify_response(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Book | NoBook:
    """The book in a response to a depth request, or what to do; `now` is the wall clock in epoch seconds."""
    match status:
        case 200:
            return _book(body)
        case 400 if error := _exchange_error(body):
            code, message = error
            reason = f"{message} (code {code})"
            return Retry(f"answered HTTP 400: {reason}") if code in TRANSIENT_CODES else Rejected(reason)
        case 418:
            seconds = _retry_after(headers) or _ban_seconds(body, now) or MIN_BAN_SECONDS
            return RetryAfter(seconds, "banned (HTTP 418)", is_banned=True)
        case 429:
            retry_after = _retry_after(headers)
            minute_seconds_left = 60 - now % 60  # weight is counted per minute of the clock
            seconds = minute_seconds_left if retry_after is None else max(retry_after, MIN_COOLDOWN_SECONDS)
            return RetryAfter(seconds, "request weight used up (HTTP 429)")
        case 451:
            return RegionBlocked()
        case _:
            return Retry(f"answered HTTP {status}")


def _book(body: bytes) -> Book | Retry:
    try:
        return parse_depth(body)
    except InvalidBook as error:
        return Retry(f"answered {error}")


def _exchange_error(body: bytes) -> tuple[int, str] | None:
    """Code and message, such as (-1121, "Invalid symbol."); None if the body is not the exchange's JSON."""
    try:
        answer = json.loads(body)
        return int(answer["code"]), f"{answer['msg']}"
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds; None if it is absent or not a number of seconds."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _ban_seconds(body: bytes, now: float) -> float | None:
    """Seconds to the end of a ban as the message states it, `IP banned until 1795341600000`."""
    found = _BAN_END.search(body)
    return max(int(found[1]) / 1000 - now, 0.0) or None if found else None
