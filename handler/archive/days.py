"""The days of the archive, in UTC: which one an event requests, and whether it can be written."""

import re
from dataclasses import dataclass
from typing import Any, Self

from handler.errors import InvalidTimestamp, UsageError
from handler.slots import SETTLING_SECONDS, format_timestamp, parse_iso_time, slot_start

DAY_SECONDS = 86_400
EXPIRY_MARGIN_SECONDS = 3600
"""Longer than a run of the function, during which nothing may expire."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, order=True, slots=True)
class Day:
    """The day of UTC that starts at `start` (epoch seconds); its text is `2026-11-24`."""

    start: int

    @classmethod
    def of(cls, epoch_seconds: float) -> Self:
        """The day of a moment."""
        return cls(slot_start(epoch_seconds, DAY_SECONDS))

    @classmethod
    def parse(cls, text: Any) -> Self:
        """The day of `2026-11-24`. Raises InvalidTimestamp for anything else."""
        if not isinstance(text, str) or not _DAY.fullmatch(text):
            raise InvalidTimestamp(f"{text!r:.100} is not written as YYYY-MM-DD")
        return cls(int(parse_iso_time(f"{text}T00:00:00Z")))

    @property
    def end(self) -> int:
        """The start of the next day."""
        return self.start + DAY_SECONDS

    def before(self, days: int) -> "Day":
        """The day so many days earlier."""
        return Day(self.start - days * DAY_SECONDS)

    def __str__(self) -> str:
        return format_timestamp(self.start)[:10]


FIRST_DAY = Day.parse("2024-01-01")
"""Athena's table begins with it (infra/archive.yaml): an earlier day would be in no answer."""


def requested_day(event: Any, now: float) -> Day:
    """The `day` that an event names, or the one before its `scheduled_time`; without either, the one before now.

    An EventBridge rule's `time` counts as `scheduled_time`. Raises UsageError.
    """
    values = event if isinstance(event, dict) else {"day": event}
    if "day" in values:
        try:
            return Day.parse(values["day"])
        except InvalidTimestamp as error:
            raise UsageError(
                f'the event\'s day is {values["day"]!r:.100}: send it as YYYY-MM-DD, such as {{"day": "2026-11-24"}}'
            ) from error
    time = values.get("scheduled_time", values.get("time"))
    try:
        return Day.of(now if time is None else parse_iso_time(time)).before(1)
    except (InvalidTimestamp, TypeError) as error:
        raise UsageError(
            f"the event's time is {time!r:.100}: send scheduled_time as YYYY-MM-DDThh:mm:ssZ, or a day"
        ) from error


def check_is_writable(day: Day, now: float, retention_days: int) -> None:
    """Raise UsageError for a day whose records are not all in the table: not yet, or no longer."""
    if day < FIRST_DAY:
        raise UsageError(f"{day} is before {FIRST_DAY}, the archive's first day: give a later one")
    settled = day.end + SETTLING_SECONDS
    if now < settled:
        raise UsageError(f"{day} is not over: it can be written from {format_timestamp(settled)} on")
    if retention_days and now >= day.start + retention_days * DAY_SECONDS - EXPIRY_MARGIN_SECONDS:
        raise UsageError(
            f"records of {day} begin to expire from the table, which keeps them for {retention_days} days: it is not"
            " written, so that no part of a day replaces a whole one"
        )
