"""What an answer to a depth request means: a book, or what to do. Pure.

Statuses and codes: binance-spot-api-docs, rest-api.md, "HTTP Return Codes" and "IP Limits", and errors.md.
"""

import re
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ..book import Book, parse_depth
from ..errors import InvalidBook

MAX_WAIT_SECONDS = 3 * 86_400.0  # the longest ban (rest-api.md)
MIN_BAN_SECONDS = 120.0  # the shortest one
MIN_LIMITED_SECONDS = 1.0  # whatever Retry-After says: a 429 is the last warning before a ban
FORBIDDEN_SECONDS = 120.0  # the first of cooldowns that grow; the firewall blocks an address for minutes
REGION_SECONDS = 300.0  # a VPN that reconnects is seen from another region for a while
MAX_ERROR_BYTES = 2048  # the exchange's own errors are shorter; nested JSON of any size could exhaust the stack
TOO_MANY_REQUESTS = -1003
TRANSIENT_CODES = {-1000, -1001, -1006, -1007, -1008, -1015, -1016, -1034, -1112}
# unknown error, disconnected, unexpected response, timeout, busy, too many orders, shutting down, too many
# connections, no orders on the book

_BAN_END = re.compile(rb"banned until ([0-9]{13})")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")  # an epoch time has ten digits


class Answer(NamedTuple):
    """A whole HTTP response."""

    status: int
    headers: Mapping[str, str]  # found by names in any case
    body: bytes


class Retry(NamedTuple):
    """The request failed: another host, or the same one later, may answer. `reason` is the record's word."""

    text: str
    reason: str


class Cooldown(NamedTuple):
    """The host wants no request for `seconds`; each cooldown in a row is twice as long if it grows."""

    text: str
    reason: str
    seconds: float
    is_market_wide: bool = False  # weight is counted per client address, so another host would not help
    grows: bool = False


class Rejected(NamedTuple):
    """The exchange rejects the request for good, in its own words."""

    text: str


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


_error_decoder = msgspec.json.Decoder(_Error, strict=False)


def classify(answer: Answer, symbol: str, now: float) -> Book | Retry | Cooldown | Rejected:
    """The book in an answer to a request for this symbol, or what to do; `now` is the wall clock."""
    status, headers, body = answer
    invalid = ""
    if status == 200:
        try:
            return parse_depth(body, symbol)
        except InvalidBook as error:
            invalid = f"{error}"
    code, message = _exchange_error(body)
    if status in (418, 429) or code == TOO_MANY_REQUESTS:
        return _limited(answer, now)
    if status == 400 and code and code not in TRANSIENT_CODES:
        return Rejected(f"{message:.200} (code {code})")
    return _failed(status, invalid, _retry_after(headers, now))


def _failed(status: int, invalid: str, retry_after: float | None) -> Retry | Cooldown:
    if invalid:
        return Retry(f"answered {invalid}", "bad answer")
    if status == 451:
        return Cooldown("blocked in this region (HTTP 451)", "region", REGION_SECONDS)
    reason = f"HTTP {status}"
    if status == 403:
        return Cooldown(f"requests are refused ({reason})", reason, retry_after or FORBIDDEN_SECONDS, grows=True)
    if retry_after:
        return Cooldown(f"answered {reason}", reason, retry_after)
    return Retry(f"answered {reason}", reason)


def _limited(answer: Answer, now: float) -> Cooldown:
    """A ban or used up weight. A ban is one whatever carries it, and ends at the later of the times that are given."""
    status, headers, body = answer
    retry_after = _retry_after(headers, now)
    end = _BAN_END.search(body[:MAX_ERROR_BYTES])
    if status == 418 or end:
        left = int(end[1]) / 1000 - _sent_at(headers, now) if end else 0.0
        seconds = min(max(retry_after or 0.0, left, 0.0), MAX_WAIT_SECONDS) or MIN_BAN_SECONDS
        return Cooldown(f"this address is banned (HTTP {status})", "banned", seconds)
    minute_left = 60 - now % 60  # weight is counted per minute of the clock
    seconds = minute_left if retry_after is None else max(retry_after, MIN_LIMITED_SECONDS)
    return Cooldown(f"request weight used up (HTTP {status})", "rate limited", seconds, is_market_wide=True)


def used_weight(headers: Mapping[str, str]) -> int | None:
    """The request weight that this address has used in this minute, if the answer says it."""
    return _whole_number(headers.get("x-mbx-used-weight-1m", ""))


def cache_age(headers: Mapping[str, str]) -> int | None:
    """The `Age` header in seconds, of an answer that came from a cache; None if there is none."""
    return _whole_number(headers.get("age", ""))


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


@lru_cache(maxsize=64)
def http_date(text: str) -> float | None:
    """The epoch seconds of `Sat, 28 Nov 2026 12:00:00 GMT`; None for anything else."""
    fields = parsedate_tz(text) if text.endswith("GMT") else None
    try:
        return mktime_tz(fields) if fields else None
    except (ValueError, OverflowError):
        return None


def _sent_at(headers: Mapping[str, str], now: float) -> float:
    """When the host sent the answer, by its own clock, by which it also says when a wait ends."""
    return http_date(headers.get("date", "")) or now


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds, given as such or as a date; None if it is absent or anything else."""
    text = headers.get("retry-after", "")
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_WAIT_SECONDS)
    date = http_date(text)
    return None if date is None else min(max(date - _sent_at(headers, now), 0.0), MAX_WAIT_SECONDS)


def _exchange_error(body: bytes) -> tuple[int, str]:
    """The exchange's code and message, such as -1121 and "Invalid symbol."; code 0 if the body has none."""
    try:
        error = _error_decoder.decode(body) if len(body) <= MAX_ERROR_BYTES else _Error()
    except (ValueError, RecursionError):
        return 0, ""
    return error.code, error.msg
