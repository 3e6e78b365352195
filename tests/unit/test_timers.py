"""The plan of the next minute, and what events and messages say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import UsageError
from handler.slots import format_timestamp, parse_timestamp
from handler.timers import plan, scheduled_time, slot_of_message, sqs_messages

MINUTE = parse_timestamp("2026-11-22T10:00:00Z")
INTERVALS = (5, 6, 10, 12, 15, 20, 30)


@pytest.mark.parametrize(
    ("late", "planned"),
    [
        (59, {60: 1, 80: 21, 100: 41}),
        (75, {60: 0, 80: 5, 100: 25}),  # the first slot is not over yet
        (80, {80: 0, 100: 20}),
        (120, {}),
    ],
)
def test_an_event_plans_what_is_left_of_the_next_minute(late: float, planned: dict[int, int]) -> None:
    timers = plan(MINUTE, 20, MINUTE + late)
    assert {slot_of_message({"body": body}, 20) - MINUTE: delay for body, delay in timers} == planned


@given(st.sampled_from(INTERVALS), st.floats(0, 60), st.integers(0, 59))
def test_consecutive_events_plan_every_slot_once_whenever_they_come(interval: int, late: float, scheduled: int) -> None:
    """No timer is early, none is late by more than a second, and SQS takes every delay."""
    now = MINUTE + late
    planned = plan(MINUTE + scheduled, interval, now)
    timers = [(slot_of_message({"body": body}, interval), delay) for body, delay in planned]
    assert [slot for slot, _ in timers] == list(range(MINUTE + 60, MINUTE + 120, interval))
    for slot, delay in timers:
        assert max(0, slot - now) <= delay < min(max(0, slot - now) + 1, 900)


def test_the_body_of_a_message_is_what_is_documented() -> None:
    assert plan(MINUTE - 60, 30, MINUTE)[1] == ('{"slot":"2026-11-22T10:00:30Z"}', 30)


@pytest.mark.parametrize("body", [None, "no", "{}", '{"slot":"2026-11-22"}', '{"slot":"2026-11-22T10:00:07Z"}'])
def test_a_message_that_names_no_slot_is_refused(body: object) -> None:
    """Also one of another interval, which was sent before the interval was changed."""
    with pytest.raises(UsageError, match=r"names no slot: send|no slot of 10 s starts"):
        slot_of_message({"body": body}, 10)


@pytest.mark.parametrize("event", [{}, None, {"Records": 5}, {"detail": {}}])
def test_an_event_without_a_time_has_none(event: object) -> None:
    assert scheduled_time(event) is None
    assert sqs_messages(event) is None


@pytest.mark.parametrize("key", ["scheduled_time", "time"])
def test_the_schedules_and_a_rules_time_are_read(key: str) -> None:
    assert scheduled_time({key: format_timestamp(MINUTE)}) == MINUTE


@pytest.mark.parametrize("time", ["<aws.scheduler.scheduled-time>", "", 1795262400])
def test_a_time_that_is_none_is_refused_in_words(time: object) -> None:
    with pytest.raises(UsageError, match=r"the event's time is .*: send scheduled_time as"):
        scheduled_time({"scheduled_time": time})
