"""The weight of requests, and the limit per minute. Pure: the time is passed in.

Sources: binance-spot-api-docs rest-api.md, "LIMITS" and "Order book"; errors.md, "-1003 TOO_MANY_REQUESTS".
"""

import math
from typing import NamedTuple

_MAX_REJECTED = 10
"""Requests rejected with 429 in a minute before the address is banned."""
_FIRST_BAN_SECONDS, _MAX_BAN_SECONDS = 120, 3 * 86_400


class WeightUse(NamedTuple):
    """The status that follows from it: 200, 429 (too much) or 418 (banned until then), and the weight used so far."""

    status: int
    used: int
    retry_after_seconds: int = 0
    banned_until_ms: int = 0


class WeightLimiter:
    """Counts the weight of one IP. `limit` 0 is no limit; rejected requests cost weight, too."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = 0
        self._used = 0
        self._rejected = 0
        self._bans = 0
        self._banned_until_seconds = 0.0

    def charge(self, weight: int, now_seconds: float) -> WeightUse:
        """Charge one request made at `now_seconds` since the epoch."""
        self._enter_minute(int(now_seconds // 60))
        self._used += weight
        if now_seconds < self._banned_until_seconds:
            return self._banned(now_seconds)
        if not self._limit or self._used <= self._limit:
            return WeightUse(200, self._used)
        self._rejected += 1
        if self._rejected > _MAX_REJECTED:
            return self._ban(now_seconds)
        return WeightUse(429, self._used, math.ceil((self._minute + 1) * 60 - now_seconds))

    def _enter_minute(self, minute: int) -> None:
        if minute != self._minute:
            self._minute, self._used, self._rejected = minute, 0, 0

    def _ban(self, now_seconds: float) -> WeightUse:
        seconds = min(_FIRST_BAN_SECONDS * 2**self._bans, _MAX_BAN_SECONDS)
        self._bans += 1
        self._banned_until_seconds = now_seconds + seconds
        return self._banned(now_seconds)

    def _banned(self, now_seconds: float) -> WeightUse:
        until = self._banned_until_seconds
        return WeightUse(418, self._used, math.ceil(until - now_seconds), round(until * 1000))
