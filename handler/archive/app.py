"""The function of the archive (infra/archive.yaml): writes yesterday each night, or the day that an event names.

Events: `{}`, `{"day": "2026-11-24"}`, and `{"day": "2026-11-24", "replace": true}` where the table alone is right.
"""

import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from ..errors import HandlerError, InvalidTimestamp, StoreError, UsageError
from ..pairs import parse_pair
from ..slots import SETTLING_SECONDS, format_timestamp
from ..stores.bucket import Bucket
from ..stores.table import Table
from .day import DAY_SECONDS, WATCHED_DAYS, DayWriter, format_day, parse_day

FIRST_DAY = "2024-01-01"  # where infra/archive.yaml lets Athena begin
RESERVED_SECONDS = 60.0  # for the last pairs and the upload, before Lambda ends the function

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Write what the event asks for; returns the rows, pairs and bytes of each day.

    Raises HandlerError after all other days: Lambda tries again, then the event goes to the queue of failures.
    """
    now = time.time()
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS
    day, replace = requested_day(event, now)
    bucket = Bucket(_variable("OBI_ARCHIVE_BUCKET"))
    pairs = {str(parse_pair(word)) for word in _variable("OBI_SYMBOLS").split(",")}
    writer = DayWriter(Table(_variable("OBI_TABLE")), bucket, pairs)
    if day:
        return {day: _write(writer, day, deadline, replace=replace, may_be_empty=False)}
    return _write_night(writer, bucket, now, deadline)


def requested_day(event: Any, now: float) -> tuple[str | None, bool]:
    """The day that an event names, None for a night's run, and whether to replace it. Raises UsageError."""
    if event in ({}, None):
        return None, False
    example = 'send {} or {"day": "2026-11-24"}, with "replace": true to keep no row that the table lacks'
    if not isinstance(event, dict) or "day" not in event or event.keys() - {"day", "replace"}:
        raise UsageError(f"the event is {event!r:.100}: {example}")
    day, replace = event["day"], event.get("replace", False)
    if not isinstance(replace, bool):
        raise UsageError(f"the event's replace is {replace!r:.100}: {example}")
    try:
        over = parse_day(day) + DAY_SECONDS + SETTLING_SECONDS
    except (InvalidTimestamp, TypeError) as error:
        raise UsageError(f"the event's day is {day!r:.100}: {example}") from error
    if day < FIRST_DAY:
        raise UsageError(f"{day} is before {FIRST_DAY}, the archive's first day: send a later one")
    if now < over:
        raise UsageError(f"{day} is not over: send it after {format_timestamp(over)}")
    return day, replace


def days_to_write(now: float, written: Iterable[str]) -> list[str]:
    """Yesterday, and the days before it that have no file, the oldest first since its records expire first."""
    yesterday, *before = (format_day(now - number * DAY_SECONDS) for number in range(1, WATCHED_DAYS + 1))
    return [yesterday, *sorted(set(before) - set(written))]


def _write_night(writer: DayWriter, bucket: Bucket, now: float, deadline: float) -> dict[str, Any]:
    yesterday, *missing = days_to_write(now, bucket.days(since=format_day(now - WATCHED_DAYS * DAY_SECONDS)))
    done: dict[str, Any] = {}
    failures: list[HandlerError] = []
    longest = 0.0
    for day in (yesterday, *missing):
        started = time.monotonic()
        if started + longest > deadline:
            logger.info("%s is left for the next night: there is not enough time", day)
            break
        try:
            done[day] = _write(writer, day, deadline, replace=False, may_be_empty=day != yesterday)
        except HandlerError as error:
            logger.error("%s", error)
            failures.append(error)
        longest = max(longest, time.monotonic() - started)
    if failures:
        raise StoreError("; ".join(str(error) for error in failures))
    return done


def _write(writer: DayWriter, day: str, deadline: float, *, replace: bool, may_be_empty: bool) -> dict[str, int]:
    written = writer.write(day, deadline, replace=replace)
    logger.info("%s: %s rows of %s pairs, %s bytes", day, written.rows, written.pairs, written.bytes)
    if written.damaged:
        raise StoreError(
            f"{day} is written without the damaged items ({len(written.damaged)}): {written.damaged[0]},"
            " then write the day again"
        )
    if not (written.rows or may_be_empty):
        raise StoreError(
            f"{day} is not written: the table holds no record of it; compare TableName and Symbols with the sampler's"
        )
    return {"rows": written.rows, "pairs": written.pairs, "bytes": written.bytes}


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise UsageError(f"the variable {name} is not set: deploy infra/archive.yaml")
    return value
