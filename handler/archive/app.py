"""The function of the archive (infra/archive.yaml): writes yesterday each night, or the day that an event names.

Events: `{}`, `{"day": "2026-11-24"}`, and `{"day": "2026-11-24", "replace": true}` where the table alone is right.
"""

import logging
import os
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import HandlerError, InvalidTimestamp, StoreError, UsageError
from ..pairs import parse_pair
from ..slots import DAY_SECONDS, SETTLING_SECONDS, format_timestamp
from ..stores.bucket import Bucket
from ..stores.table import Table
from .day import WATCHED_DAYS, DayWriter, format_day, parse_day

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
    writer = DayWriter(Table(_variable("OBI_TABLE")), bucket, pairs, deadline)
    days = [day] if day else days_to_write(now, bucket.days(since=format_day(now - WATCHED_DAYS * DAY_SECONDS)))
    done: dict[str, Any] = {}
    failures: list[str] = []
    longest = 0.0
    for each in days:
        started = time.monotonic()
        if longest and started + longest > deadline:
            logger.info("%s is left for the next night: there is not enough time", each)
            break
        try:
            done[each] = writer.write(each, replace=replace, may_be_empty=each != days[0])
            logger.info("%s: %s", each, done[each])
        except HandlerError as error:
            logger.error("%s", error)
            failures.append(str(error))
        longest = max(longest, time.monotonic() - started)
    if failures:
        raise StoreError("; ".join(failures))
    return done


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    day: str
    replace: bool = False


def requested_day(event: Any, now: float) -> tuple[str | None, bool]:
    """Return the day that an event names, None for a night's run, and whether to replace it. Raises UsageError."""
    if event in ({}, None):
        return None, False
    try:
        request = msgspec.convert(event, _Event)
        over = parse_day(request.day) + DAY_SECONDS + SETTLING_SECONDS
    except (msgspec.ValidationError, InvalidTimestamp) as error:
        example = '{} or {"day": "2026-11-24"}, with "replace": true to keep no row that the table lacks'
        raise UsageError(f"the event is {event!r:.100}, and {error}: send {example}") from error
    if request.day < FIRST_DAY:
        raise UsageError(f"{request.day} is before {FIRST_DAY}, the archive's first day: send a later one")
    if now < over:
        raise UsageError(f"{request.day} is not over: send it after {format_timestamp(over)}")
    return request.day, request.replace


def days_to_write(now: float, written: Iterable[str]) -> list[str]:
    """Return yesterday, then the earlier days without a file, oldest first since its records expire first."""
    yesterday, *before = (format_day(now - number * DAY_SECONDS) for number in range(1, WATCHED_DAYS + 1))
    return [yesterday, *sorted(set(before) - set(written))]


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise UsageError(f"the variable {name} is not set: deploy infra/archive.yaml")
    return value
