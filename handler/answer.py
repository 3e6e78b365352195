"""What an answer of the exchange means: a book, or what to do instead. Pure: no HTTP, no clock.

Statuses and codes: binance-spot-api-docs, rest-api.md "HTTP Return Codes" and "IP Limits", errors.md.
"""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from handler.book import Book, MalformedBook, parse_book

SHORTEST_BAN_SECONDS = 120.0
"""Bans last from 2 minutes to 3 days (rest-api.md, "IP Limits")."""

SHORTEST_REST_SECONDS = 1.0
"""However little a 429 asks for: it is the last warning before a ban."""

_BAN_END = re.compile(rb"until (\d{13})")


class Again(NamedTuple):
    """The fault is the host's: another host, or another moment, may answer."""

    reason: str


class Rest(NamedTuple):
    """The host wants no request from this address for so many seconds."""

    seconds: float
    reason: str
    banned: bool = False


class No(NamedTuple):
    """The request is wrong and will stay so; the exchange's own words."""

    reason: str


class Closed(NamedTuple):
    """The host does not serve this region."""


Meaning = Book | Again | Rest | No | Closed


def meaning(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Meaning:
    """Read an answer to a depth request; `now` is the wall clock in epoch seconds."""
    match status:
        case 200:
            return _book(body)
        case 400 if words := _exchange_words(body):
            return No(words)
        case 418:
            seconds = _retry_after(headers) or _until(body, now) or SHORTEST_BAN_SECONDS
            return Rest(seconds, "banned (HTTP 418)", banned=True)
        case 429:
            asked = _retry_after(headers)
            left = 60 - now % 60  # weight is counted per minute of the clock
            seconds = left if asked is None else max(asked, SHORTEST_REST_SECONDS)
            return Rest(seconds, "request weight used up (HTTP 429)")
        case 451:
            return Closed()
        case _:
            return Again(f"answered HTTP {status}")


def _book(body: bytes) -> Book | Again:
    try:
        return parse_book(body)
    except MalformedBook as error:
        return Again(f"answered {error}")


def _exchange_words(body: bytes) -> str | None:
    """`Invalid symbol. (code -1121)`, or None where the answer is not the exchange's own but a proxy's HTML."""
    try:
        answer = json.loads(body)
        return f"{answer['msg']} (code {int(answer['code'])})"
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds; None where it is absent or no number of seconds."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _until(body: bytes, now: float) -> float | None:
    """Seconds to the end of a ban that is only told in words, `IP banned until 1795341600000`."""
    found = _BAN_END.search(body)
    return max(int(found[1]) / 1000 - now, 0.0) or None if found else None
