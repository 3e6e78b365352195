"""Which day an event requests of the archive, and which days can be written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.archive.days import DAY_SECONDS, EXPIRY_MARGIN_SECONDS, FIRST_DAY, Day, check_is_writable, requested_day
from handler.errors import InvalidTimestamp, UsageError
from handler.slots import MAX_EPOCH_SECONDS, SETTLING_SECONDS, parse_iso_time

NOW = parse_iso_time("2026-11-25T01:10:42Z")
DAY = Day.parse("2026-11-24")
moments = st.integers(min_value=0, max_value=MAX_EPOCH_SECONDS)


@given(moments)
def test_day_of_a_moment(moment: int) -> None:
    """A day holds its moments, begins at midnight of UTC, and is read back from its text."""
    day = Day.of(moment)
    assert day.start <= moment < day.end == day.start + DAY_SECONDS
    assert parse_iso_time(f"{day}T00:00:00Z") == day.start
    assert Day.parse(str(day)) == day
    assert Day(day.end).before(1) == day


@pytest.mark.parametrize(
    "text", ["", "2026-11-2", "2026-11-31", "20261124", "2026-11-24T00:00:00Z", "24.11.2026", 5, None]
)
def test_text_that_is_no_day(text: Any) -> None:
    with pytest.raises(InvalidTimestamp):
        Day.parse(text)


@pytest.mark.parametrize(
    ("event", "day"),
    [
        ({"day": "2026-10-01"}, "2026-10-01"),
        ({"day": "2026-10-01", "scheduled_time": "2026-11-25T01:10:00Z"}, "2026-10-01"),
        ({"scheduled_time": "2026-11-25T01:10:00Z", "execution_id": "1"}, "2026-11-24"),
        ({"scheduled_time": "2026-11-20T01:10:00Z"}, "2026-11-19"),
        ({"time": "2026-11-20T23:59:59Z"}, "2026-11-19"),
        ({}, "2026-11-24"),
        ("2026-10-01", "2026-10-01"),
    ],
)
def test_day_of_an_event(event: Any, day: str) -> None:
    """The one that is named, or the one before the schedule's time, however late the event is, or before now."""
    assert str(requested_day(event, NOW)) == day


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            {"day": "yesterday"},
            r"the event's day is 'yesterday': send it as YYYY-MM-DD, such as {\"day\": \"2026-11-24\"}",
        ),
        ({"day": None}, r"the event's day is None: send it as"),
        (
            {"scheduled_time": "<aws.scheduler.scheduled-time>"},
            r"send scheduled_time as YYYY-MM-DDThh:mm:ssZ, or a day",
        ),
        ({"scheduled_time": 5}, r"the event's time is 5: "),
        ([], r"the event's day is \[\]: "),
        (None, r"the event's day is None: "),
    ],
)
def test_event_that_is_rejected(event: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        requested_day(event, NOW)


@pytest.mark.parametrize(
    ("now", "retention_days", "sentence"),
    [
        (DAY.start, 0, "2026-11-24 is not over: it can be written from 2026-11-25T00:05:00Z on"),
        (DAY.start - 40 * DAY_SECONDS, 0, "2026-11-24 is not over"),
        (DAY.end + SETTLING_SECONDS - 1, 0, "2026-11-24 is not over"),
        (DAY.end + SETTLING_SECONDS, 0, None),
        (DAY.end + SETTLING_SECONDS, 7, None),
        (DAY.start + 7 * DAY_SECONDS - EXPIRY_MARGIN_SECONDS - 1, 7, None),
        (DAY.start + 7 * DAY_SECONDS - EXPIRY_MARGIN_SECONDS, 7, "which keeps them for 7 days: it is not written"),
        (DAY.end + 900 * DAY_SECONDS, 7, "records of 2026-11-24 begin to expire"),
        (DAY.end + 900 * DAY_SECONDS, 0, None),
    ],
)
def test_day_that_can_be_written(now: float, retention_days: int, sentence: str | None) -> None:
    """One that is over and settled, and of which nothing has expired or expires while it is written."""
    if sentence is None:
        check_is_writable(DAY, now, retention_days)
    else:
        with pytest.raises(UsageError, match=sentence):
            check_is_writable(DAY, now, retention_days)


def test_day_before_the_first() -> None:
    """Athena's table would not show it."""
    check_is_writable(FIRST_DAY, NOW, 0)
    with pytest.raises(UsageError, match="2023-12-31 is before 2024-01-01, the archive's first day"):
        check_is_writable(FIRST_DAY.before(1), NOW, 0)
