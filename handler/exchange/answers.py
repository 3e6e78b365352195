"""Classifies the answer to a depth request: a book, or a failure and the cooldown that it demands.

Statuses and codes: binance-spot-api-docs, rest-api.md, "HTTP Return Codes" and "IP Limits", and errors.md.
"""

import re
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import NamedTuple

import msgspec

from ..book import Book, parse_depth
from ..errors import InvalidBook
from ..slots import DAY_SECONDS

MAX_BAN_SECONDS = 3.0 * DAY_SECONDS  # the longest ban (rest-api.md)
MAX_UNAVAILABLE_SECONDS = 300.0  # by a Retry-After of any other failure: proxies send hours
MAX_SKEW_SECONDS = 10.0
MAX_ERROR_BYTES = 2048  # the exchange's own errors are shorter; nested JSON of any size could exhaust the stack
TOO_MANY_REQUESTS = -1003
TRANSIENT_CODES = {-1000, -1001, -1006, -1007, -1008, -1015, -1016, -1034, -1112}
# unknown error, disconnected, unexpected response, timeout, busy, too many orders, shutting down, too many
# connections, no orders on the book

_BAN_END = re.compile(r"banned until ([0-9]{13})")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")  # an epoch time has ten digits


class Answer(NamedTuple):
    """A whole HTTP response."""

    status: int
    headers: Mapping[str, str]  # found by names in any case
    body: bytes


class Failure(NamedTuple):
    """No book. Another host, or the same one later, may have one, unless `reason` is `rejected`."""

    text: str
    reason: str  # the record's word
    seconds: float = 0.0  # the host's cooldown, without any request to it


RATE_LIMITED = "rate limited"  # in the whole market, since weight is counted per client address
REFUSED = "HTTP 403"  # by the firewall; each cooldown in a row is twice as long
COOLDOWNS = {  # by status, with the seconds to wait if the answer does not say them
    403: Failure("requests are refused", REFUSED, 120.0),
    418: Failure("this address is banned", "banned", 120.0),  # the shortest ban
    429: Failure("request weight used up", RATE_LIMITED, 60.0),
    451: Failure("blocked in this region", "region", 300.0),  # as long as a VPN that reconnects is elsewhere
}


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


_error_decoder = msgspec.json.Decoder(_Error)


def classify(answer: Answer, symbol: str, now: float) -> Book | Failure:
    """Return the book in an answer to a request for this symbol, or the failure; `now` is by the wall clock."""
    status, headers, body = answer
    text = reason = f"HTTP {status}"
    if status == 200:
        try:
            return parse_depth(body, symbol)
        except InvalidBook as error:
            text, reason = f"{error}", "bad answer"
    code, message = _exchange_error(body)
    ban = _BAN_END.search(message)
    if status == 400 and code < 0 and not ban and code not in TRANSIENT_CODES | {TOO_MANY_REQUESTS}:
        return Failure(f"{message:.200} (code {code})", "rejected")
    sent_at = http_date(headers.get("date", "")) or now  # by the host's clock, which it also means elsewhere
    seconds = max(_retry_after(headers, sent_at), int(ban[1]) / 1000 - sent_at if ban else 0.0, 0.0)
    if ban or (code == TOO_MANY_REQUESTS and status != 418):
        status = 418 if ban else 429  # whatever carries it
    if status not in COOLDOWNS:
        return Failure(f"answered {text}", reason, min(seconds, MAX_UNAVAILABLE_SECONDS))
    words, reason, usual_seconds = COOLDOWNS[status]
    if status == 429:
        usual_seconds = 60 - now % 60  # weight is counted per minute of the clock
    return Failure(f"{words} (HTTP {answer.status})", reason, min(seconds or usual_seconds, MAX_BAN_SECONDS))


def oddities(book: Book, limit: int, headers: Mapping[str, str], now: float) -> dict[str, str]:
    """Find what is odd about a book that arrived now (wall clock) and is recorded all the same, by kind."""
    found = {}
    sent_at = http_date(headers.get("date", "")) or (book.exchange_time_ms or now * 1000) / 1000
    if abs(late := now - sent_at) > MAX_SKEW_SECONDS:
        found["clock"] = (
            f"arrived {abs(late):.0f} s {'after' if late > 0 else 'before'} the host sent it, by its clock:"
            " this machine's clock is wrong, or the book is old"
        )
    if age := header_number(headers, "age"):
        found["cached"] = f"comes from a cache, {age} s old"
    if book.is_capped(limit):
        found["capped"] = f"is cut off at {book.bids.received_levels} of {limit} levels a side"
    bids, asks = book.bids.prices, book.asks.prices
    if bids and asks and bids[0] >= asks[0]:
        found["crossed"] = "is crossed: best bid not below best ask"
    return found


def header_number(headers: Mapping[str, str], name: str) -> int | None:
    """Return the whole number in a header, the first of a list; None if it is absent or anything else."""
    text = headers.get(name, "").partition(",")[0].strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def http_date(text: str) -> float | None:
    """Return the epoch seconds of `Sat, 28 Nov 2026 12:00:00 GMT`; None for anything else."""
    fields = parsedate_tz(text) if text.endswith("GMT") else None
    try:
        return mktime_tz(fields) if fields else None
    except (ValueError, OverflowError):
        return None


def _retry_after(headers: Mapping[str, str], sent_at: float) -> float:
    """Return `Retry-After` in seconds, given as such or as a date; 0 if it is absent or anything else."""
    text = headers.get("retry-after", "")
    return float(text) if _SECONDS.fullmatch(text) else (http_date(text) or sent_at) - sent_at


def _exchange_error(body: bytes) -> tuple[int, str]:
    """Return the exchange's code and message, such as -1121 and "Invalid symbol."; code 0 if there is none."""
    try:
        error = _error_decoder.decode(body) if len(body) <= MAX_ERROR_BYTES else _Error()
    except (ValueError, RecursionError):
        return 0, ""
    return error.code, error.msg
