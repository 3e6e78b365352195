"""Moments as text, and the slots that they belong to. Pure: no clock."""

import re
from datetime import UTC, datetime

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?)([Tt ].+)?")
"""The forms of ISO 8601 that are read. `fromisoformat` alone takes any character between date and time, digits too."""
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EXAMPLES = "give an age such as 90m, 24h or 7d, or an ISO time such as 2026-11-22T10:00:00Z"
MAX_EPOCH_SECONDS = 253_402_300_799
"""The last second that is written with a year of four digits."""


class NoTime(ValueError):
    """A text that was to be a moment and is none."""


def format_time(epoch_seconds: float) -> str:
    """A moment as records write it: `2026-11-22T10:00:00Z`, rounded down to the whole second."""
    return datetime.fromtimestamp(epoch_seconds // 1, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> int:
    """Read what `format_time` wrote, into epoch seconds. Raises NoTime for any other way to write it."""
    moment = read_time(text)
    if format_time(moment) != text:
        raise NoTime(f"{text!r:.100} is not written as YYYY-MM-DDThh:mm:ssZ")
    return int(moment)


def read_time(text: str) -> float:
    """Read an ISO 8601 time with its zone, into epoch seconds. Raises NoTime."""
    try:
        moment = _from_iso(text)
    except (ValueError, OverflowError) as error:
        raise NoTime(f"{text!r:.100} is not a time") from error
    if moment.tzinfo is None:
        raise NoTime(f"{text!r:.100} has no zone: put Z behind it for UTC")
    if not 0 <= moment.timestamp() <= MAX_EPOCH_SECONDS:
        raise NoTime(f"{text!r:.100} is not from 1970 to 9999")
    return moment.timestamp()


def read_moment(text: str, now: float) -> float:
    """Read `90m`, `24h` or `7d` before now, or an ISO 8601 time, UTC where it has no zone. Raises NoTime.

    A bare number is refused, since it may be meant as an epoch time or lack its unit; 20261122 is a date since 1970.
    No record is older than 1970 or younger than 9999, so what lies beyond means the same as these.
    """
    return min(max(_read_moment(text, now), 0), MAX_EPOCH_SECONDS)


def _read_moment(text: str, now: float) -> float:
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    if text.isdecimal() and not (len(text) == 8 and text >= "1970"):
        raise NoTime(f"{text!r:.100} is a bare number: {_EXAMPLES}")
    try:
        moment = _from_iso(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise NoTime(f"{text!r:.100} is not a time: {_EXAMPLES}") from error


def _from_iso(text: str) -> datetime:
    if not _ISO.fullmatch(text):
        raise ValueError("not in a form of ISO 8601 that has a separator between date and time")
    return datetime.fromisoformat(text)


def slot_start(epoch_seconds: float, interval_seconds: int) -> int:
    """The start of the interval that a moment belongs to; intervals are counted from the epoch."""
    return int(epoch_seconds // interval_seconds) * interval_seconds


def slots_of_minute(epoch_seconds: float, interval_seconds: int) -> range:
    """The slots that start in the minute of a moment, from the one that the moment belongs to."""
    minute = slot_start(epoch_seconds, 60)
    first_of_minute = -(-minute // interval_seconds) * interval_seconds
    return range(max(slot_start(epoch_seconds, interval_seconds), first_of_minute), minute + 60, interval_seconds)
