"""Whether the exchange was left alone whenever it had asked for it: no request during a 429's or a ban's rest. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

IN_FLIGHT_SECONDS = 0.5
"""What was sent before the answer was read may come this long after it: of each pair one request at most."""
_UNTIL = re.compile(rb"until (\d{13})")


@dataclass(slots=True)
class Rests:
    """How many rests were asked for, and the requests that broke them."""

    rests: int = 0
    in_flight: int = 0
    problems: list[str] = field(default_factory=list)


def check_rests(requests: Sequence[Any]) -> Rests:
    """Look at what an exchange was asked, in order."""
    found = Rests()
    asked_at, until, flying = -inf, -inf, set()
    for asked in requests:
        now = asked.wall_seconds
        if now < until:
            if now > asked_at + IN_FLIGHT_SECONDS or asked.symbol in flying:
                found.problems.append(f"{asked.symbol} was asked for {until - now:.3f} s before a rest was over")
            flying.add(asked.symbol)
            found.in_flight += 1
        if asked.status in (418, 429):
            if now >= until:
                asked_at, flying = now, {asked.symbol}
                found.rests += 1
            until = max(until, now + _rest_seconds(asked))
    return found


def _rest_seconds(asked: Any) -> float:
    """How long it said, by the rules of the exchange: in the header, in the words, or not at all."""
    if asked.retry_after is not None:
        return float(asked.retry_after)
    if asked.status == 429:
        return 60 - float(asked.wall_seconds) % 60
    json.loads(asked.body)  # the exchange's own kind of error
    match = _UNTIL.search(asked.body)
    return int(match[1]) / 1000 - float(asked.wall_seconds) if match else 120.0
