"""Checks that the exchange received no request during the cooldown that a 429 or a ban had demanded. Pure."""

import json
import re
from collections.abc import Sequence
from math import inf
from typing import Any

IN_FLIGHT_SECONDS = 0.5
"""Requests sent before the response was read may arrive this long after it: at most one per pair."""
_UNTIL = re.compile(rb"until (\d{13})")


def check_cooldowns(requests: Sequence[Any]) -> tuple[int, list[str]]:
    """Check the requests that an exchange received, in order; returns how many cooldowns it demanded, and problems."""
    count = 0
    problems = []
    demanded_at, until = -inf, -inf
    in_flight: set[str] = set()
    for request in requests:
        now = request.wall_seconds
        if now < until:
            if now > demanded_at + IN_FLIGHT_SECONDS or request.symbol in in_flight:
                problems.append(f"{request.symbol} was requested {until - now:.3f} s before a cooldown was over")
            in_flight.add(request.symbol)
        if request.status in (418, 429):
            if now >= until:
                demanded_at, in_flight = now, {request.symbol}
                count += 1
            until = max(until, now + _cooldown_seconds(request))
    return count, problems


def _cooldown_seconds(response: Any) -> float:
    """How long the cooldown is by the exchange's rules: by the header, the body, or their defaults."""
    if response.retry_after is not None:
        return float(response.retry_after)
    if response.status == 429:
        return 60 - float(response.wall_seconds) % 60
    json.loads(response.body)  # the exchange's own kind of error
    match = _UNTIL.search(response.body)
    return int(match[1]) / 1000 - float(response.wall_seconds) if match else 120.0
