"""Timestamps as text, the slots that they belong to, and the ticks of a schedule."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from .errors import InvalidTimestamp

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?)([Tt ].+)?")
"""The accepted forms of ISO 8601. `fromisoformat` alone accepts any character between date and time, even a digit."""
_WITH_MILLISECONDS = re.compile(r"[^.]{19}\.[0-9]{3}Z")
SECONDS_OF_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Unit of a duration, such as the m of 5m → seconds."""
_EXAMPLES = "give an age such as 90m, 24h or 7d, or an ISO time such as 2026-11-22T10:00:00Z"
SETTLING_SECONDS = 300
"""How long after its end a slot may still be stored: storing is retried, and a late event is sampled late."""
MAX_EPOCH_SECONDS = 253_402_300_799
"""The last second of the year 9999."""
MAX_INTERVAL_SECONDS = 86_400
"""The longest time from one sample to the next."""


def format_timestamp(epoch_seconds: float) -> str:
    """A time as in records: `2026-11-22T10:00:00Z`, rounded down to the whole second."""
    return datetime.fromtimestamp(epoch_seconds // 1, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_milliseconds(epoch_ms: int) -> str:
    """A time in milliseconds, as in records: `2026-11-22T10:00:00.123Z`."""
    seconds, ms = divmod(epoch_ms, 1000)
    return f"{format_timestamp(seconds)[:-1]}.{ms:03}Z"


def whole_milliseconds(epoch_seconds: float) -> int:
    """A time in milliseconds, rounded down. A float of this size is exact to a microsecond, but seldom a whole one."""
    seconds = int(epoch_seconds // 1)
    microseconds = round((epoch_seconds - seconds) * 1_000_000)
    return seconds * 1000 + min(microseconds, 999_999) // 1000


def parse_milliseconds(text: str) -> int:
    """Read what `format_milliseconds` wrote, into epoch milliseconds. Raises InvalidTimestamp for any other format."""
    if not _WITH_MILLISECONDS.fullmatch(text):
        raise InvalidTimestamp(f"{text!r:.100} is not written as YYYY-MM-DDThh:mm:ss.mmmZ")
    return parse_timestamp(f"{text[:-5]}Z") * 1000 + int(text[-4:-1])


def parse_timestamp(text: str) -> int:
    """Read what `format_timestamp` wrote, into epoch seconds. Raises InvalidTimestamp for any other format."""
    moment = parse_iso_time(text)
    if format_timestamp(moment) != text:
        raise InvalidTimestamp(f"{text!r:.100} is not written as YYYY-MM-DDThh:mm:ssZ")
    return int(moment)


def epoch_seconds(timestamp: str) -> int:
    """The time of a valid timestamp in epoch seconds: faster than `parse_timestamp`, which checks it."""
    return int(datetime.fromisoformat(timestamp).timestamp())


def parse_iso_time(text: str) -> float:
    """Read an ISO 8601 time with its zone, into epoch seconds. Raises InvalidTimestamp."""
    try:
        moment = _from_iso(text)
    except (ValueError, OverflowError) as error:
        raise InvalidTimestamp(f"{text!r:.100} is not a time") from error
    if moment.tzinfo is None:
        raise InvalidTimestamp(f"{text!r:.100} has no zone: put Z behind it for UTC")
    if not 0 <= moment.timestamp() <= MAX_EPOCH_SECONDS:
        raise InvalidTimestamp(f"{text!r:.100} is not from 1970 to 9999")
    return moment.timestamp()


def parse_moment(text: str, now: float) -> float:
    """Read `90m`, `24h` or `7d` before now, or an ISO 8601 time, UTC where it has no zone. Raises InvalidTimestamp.

    A bare number is invalid, since it may be meant as an epoch time or lack its unit; 20261122 is a date. Times outside
    1970 to 9999 are clamped: no record lies outside.
    """
    return min(max(_parse_moment(text, now), 0), MAX_EPOCH_SECONDS)


def _parse_moment(text: str, now: float) -> float:
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * SECONDS_OF_UNIT[ago[2]]
    if text.isdecimal() and not (len(text) == 8 and text >= "1970"):
        raise InvalidTimestamp(f"{text!r:.100} is a bare number: {_EXAMPLES}")
    try:
        moment = _from_iso(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidTimestamp(f"{text!r:.100} is not a time: {_EXAMPLES}") from error


def _from_iso(text: str) -> datetime:
    if not _ISO.fullmatch(text):
        raise ValueError("not in a form of ISO 8601 that has a separator between date and time")
    return datetime.fromisoformat(text)


def slot_start(epoch_seconds: float, interval_seconds: int) -> int:
    """The start of the interval that a moment belongs to; intervals are counted from the epoch."""
    return int(epoch_seconds // interval_seconds) * interval_seconds


class Tick(NamedTuple):
    """One run of a schedule: its number, and its start and end in seconds of the caller's clock."""

    number: int
    start: float
    end: float


def next_tick(now: float, interval_seconds: int, origin: float = 0.0, last: Tick | None = None) -> Tick:
    """The tick to run next, of those that start at origin + n × interval: the current one, unless it was the last.

    The start does not depend on when earlier ticks ran, so lateness never adds up. Ticks that are over are skipped. If
    the clock was set back, by more than rounding or a tick, the current tick runs again.
    """
    number = int((now - origin) // interval_seconds)
    if last is not None and last.number - 1 <= number <= last.number:
        number = last.number + 1
    start = origin + number * interval_seconds
    return Tick(number, start, start + interval_seconds)


def skipped_ticks(tick: Tick, last: Tick | None) -> int:
    """How many ticks were skipped between two that ran, one after the other."""
    return max(tick.number - last.number - 1, 0) if last else 0
