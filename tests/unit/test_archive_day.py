"""The archive chooses its days, and takes no event for another."""

from typing import Any

import pytest

from handler.archive.app import days_to_write, requested_day
from handler.archive.day import format_day, parse_day
from handler.errors import UsageError

NOON = parse_day("2026-11-28") + 12 * 3600


@pytest.mark.parametrize(
    ("event", "day", "replace"),
    [
        ({}, None, False),
        (None, None, False),
        ({"day": "2026-11-24"}, "2026-11-24", False),
        ({"day": "2026-11-24", "replace": True}, "2026-11-24", True),
        ({"day": "2026-11-27", "replace": False}, "2026-11-27", False),
    ],
)
def test_an_event_names_a_day_or_nothing(event: Any, day: str | None, replace: bool) -> None:
    assert requested_day(event, NOON) == (day, replace)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"day": "2026-11-28"}, "2026-11-28 is not over: send it after 2026-11-29T00:05:00Z"),
        ({"day": "2023-12-31"}, "2023-12-31 is before 2024-01-01"),
        ({"day": "yesterday"}, "the event is {'day': 'yesterday'}, and 'yesterdayT00:00:00Z' is not a time: send {}"),
        ({"day": "2026-11-24T00:00:00Z"}, "the event is {'day': '2026-11-24T00:00:00Z'}"),
        ({"day": 20261124}, "the event is {'day': 20261124}, and Expected `str`, got `int`"),
        ({"day": "2026-11-24", "replace": "yes"}, "the event is "),
        ({"day": "2026-11-24", "force": True}, "the event is "),
        ({"replace": True}, "the event is {'replace': True}"),
        ("2026-11-24", "the event is '2026-11-24'"),
    ],
)
def test_a_wrong_event_is_refused_with_the_right_one(event: Any, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        requested_day(event, NOON)
    assert str(refused.value).startswith(message)


def test_yesterday_comes_first_then_the_oldest_that_is_missing() -> None:
    assert days_to_write(NOON, ["2026-11-27", "2026-11-25", "2026-11-22"]) == [
        *("2026-11-27", "2026-11-21", "2026-11-23", "2026-11-24", "2026-11-26")
    ]
    assert days_to_write(NOON, map(format_day, range(NOON - 700_000, NOON, 3600))) == ["2026-11-27"]
