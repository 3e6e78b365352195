"""Timestamps as text, the slots that they belong to, and the slot to sample next."""

import re
from datetime import UTC, datetime, tzinfo

from .errors import InvalidTimestamp

SETTLING_SECONDS = 300  # after its end a slot may still be stored: storing is retried, a late event is sampled late
MAX_EPOCH_SECONDS = 253_402_300_799  # the last second of the year 9999
DAY_SECONDS = 86_400
MAX_INTERVAL_SECONDS = DAY_SECONDS
DEFAULT_INTERVAL_SECONDS = 60  # of plain records whose interval cannot be inferred
SECONDS_OF_UNIT = {"s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS, "w": 7 * DAY_SECONDS}

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
# the accepted forms of ISO 8601: `fromisoformat` alone accepts any character between date and time, even a digit
_ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?)([Tt ].+)?")


def format_timestamp(epoch_seconds: float) -> str:
    """Write a time as in records: `2026-11-22T10:00:00Z`, rounded down to the whole second."""
    return datetime.fromtimestamp(epoch_seconds // 1, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_milliseconds(epoch_seconds: float) -> str:
    """Write a time in milliseconds, as in records: `2026-11-22T10:00:00.123Z`, rounded down."""
    return f"{datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def parse_timestamp(text: str) -> int:
    """Read what `format_timestamp` wrote, into epoch seconds. Raises InvalidTimestamp for any other format."""
    moment = parse_iso_time(text)
    if format_timestamp(moment) != text:
        raise InvalidTimestamp(f"{text!r:.100} is not written as YYYY-MM-DDThh:mm:ssZ")
    return int(moment)


def epoch_seconds(timestamp: str) -> int:
    """Read a valid timestamp into epoch seconds, faster than `parse_timestamp`, which checks it."""
    return int(datetime.fromisoformat(timestamp).timestamp())


def parse_iso_time(text: str) -> float:
    """Read an ISO 8601 time with its zone, from 1970 to 9999, into epoch seconds. Raises InvalidTimestamp."""
    try:
        moment = _from_iso(text)
    except (ValueError, OverflowError):
        moment = -1
    if not 0 <= moment <= MAX_EPOCH_SECONDS:
        raise InvalidTimestamp(f"{text!r:.100} is not a time from 1970 to 9999 with its zone, such as Z for UTC")
    return moment


def parse_moment(text: str, now: float) -> float:
    """Read `90m`, `24h` or `7d` before now, or an ISO 8601 time, UTC where it has no zone. Raises InvalidTimestamp.

    A bare number is invalid, since it may be meant as an epoch time or lack its unit; 20261122 is a date. Times outside
    1970 to 9999 are clamped: no record lies outside.
    """
    if ago := _AGO.fullmatch(text):
        return max(now - int(ago[1]) * SECONDS_OF_UNIT[ago[2]], 0)
    try:
        moment = _from_iso(text, UTC)
    except (ValueError, OverflowError) as error:
        advice = "give an age such as 90m, 24h or 7d, or an ISO time such as 2026-11-22T10:00:00Z"
        raise InvalidTimestamp(f"{text!r:.100} is not a time: {advice}") from error
    return min(max(moment, 0), MAX_EPOCH_SECONDS)


def _from_iso(text: str, zone: tzinfo | None = None) -> float:
    moment = datetime.fromisoformat(text)
    if not _ISO.fullmatch(text) or not (moment.tzinfo or zone):
        raise ValueError("another form, or no zone")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def slot_start(epoch_seconds: float, interval_seconds: int) -> int:
    """Return the start of the interval that a moment belongs to; intervals are counted from the epoch."""
    return int(epoch_seconds // interval_seconds) * interval_seconds


def next_slot(now: float, interval_seconds: int, last: int | None = None) -> int:
    """Return the slot to sample next: the current one or, if that was the last, the one after it.

    Slots that are over are skipped. If the clock was set back by more than a slot, the current slot is sampled again;
    a smaller step, such as one of rounding, does not repeat a slot.
    """
    slot = slot_start(now, interval_seconds)
    if last is not None and last - interval_seconds <= slot <= last:
        return last + interval_seconds
    return slot
