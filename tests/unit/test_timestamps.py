"""Moments read back as they were written, and belong to exactly one slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import InvalidTimestamp
from handler.slots import (
    format_timestamp,
    parse_iso_time,
    parse_moment,
    parse_timestamp,
    slot_start,
    slots_of_minute,
)

moments = st.integers(0, 4_000_000_000)
intervals = st.integers(1, 86_400)


@given(moments, intervals)
def test_a_slot_starts_at_a_multiple_of_the_interval_and_holds_its_moment(moment: int, interval_seconds: int) -> None:
    slot = slot_start(moment, interval_seconds)
    assert slot % interval_seconds == 0
    assert slot <= moment < slot + interval_seconds
    assert slot_start(slot, interval_seconds) == slot


@given(moments, moments)
def test_times_read_back_and_sort_as_text_like_they_sort_in_time(one: int, other: int) -> None:
    assert parse_timestamp(format_timestamp(one)) == one
    assert (format_timestamp(one) < format_timestamp(other)) == (one < other)


@given(moments, intervals)
def test_the_minutes_of_a_day_share_its_slots_out_without_gap_or_overlap(moment: int, interval_seconds: int) -> None:
    minute = slot_start(moment, 60)
    minutes = range(minute, minute + 10 * 60, 60)
    shared = [slot for start in minutes for slot in slots_of_minute(start, interval_seconds)]
    assert shared == [slot for slot in range(minute, minutes.stop) if slot % interval_seconds == 0]


@pytest.mark.parametrize(
    ("text", "interval_seconds", "slots"),
    [
        ("2026-11-22T10:00:00Z", 60, ["10:00:00"]),
        ("2026-11-22T10:00:59Z", 60, ["10:00:00"]),
        ("2026-11-22T10:00:00Z", 20, ["10:00:00", "10:00:20", "10:00:40"]),
        ("2026-11-22T10:00:30Z", 20, ["10:00:20", "10:00:40"]),
        ("2026-11-22T10:00:00Z", 300, ["10:00:00"]),
        ("2026-11-22T10:01:00Z", 300, []),
    ],
)
def test_a_minute_asks_for_the_slots_that_start_in_it_from_the_running_one(
    text: str, interval_seconds: int, slots: list[str]
) -> None:
    found = [format_timestamp(slot) for slot in slots_of_minute(parse_timestamp(text), interval_seconds)]
    assert found == [f"2026-11-22T{slot}Z" for slot in slots]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00Z"),
        ("2026-11-22T10:00:00.999Z", "2026-11-22T10:00:00Z"),
        ("20261122T100000Z", "2026-11-22T10:00:00Z"),
    ],
)
def test_a_time_in_any_zone_is_read(text: str, same: str) -> None:
    assert format_timestamp(parse_iso_time(text)) == same


@pytest.mark.parametrize(
    "text", ["", "now", "<aws.scheduler.scheduled-time>", "2026-11-22", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z"]
)
def test_a_text_that_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidTimestamp):
        parse_iso_time(text)


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00.5Z", "2026-11-22t10:00:00Z"])
def test_a_record_writes_its_time_in_one_way_only(text: str) -> None:
    with pytest.raises(InvalidTimestamp):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    ["1790011200000", "1790011200", "1790011200000000", "17900112", "20261122010", "24", "2026", "0", "9" * 5000],
)
def test_a_bare_number_is_no_moment_and_the_reason_says_what_to_give(text: str) -> None:
    with pytest.raises(
        InvalidTimestamp, match="is a bare number: give an age such as 90m, 24h or 7d, or an ISO time such as 2026"
    ):
        parse_moment(text, 0)


@pytest.mark.parametrize(
    "text",
    ["1790011200.5", "1.79e9", "1790011200000Z", "2026-11-22x10:00", "2026-11-221000", "2026-11-22T", "٢٤h", "²³"],
)
def test_what_only_resembles_a_time_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidTimestamp, match="is not a time: give an age"):
        parse_moment(text, 0)
    with pytest.raises(InvalidTimestamp):
        parse_iso_time(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("20261122", "2026-11-22T00:00:00Z"),
        ("20261122T10", "2026-11-22T10:00:00Z"),
        ("2026-11-22 10:00", "2026-11-22T10:00:00Z"),
        ("2026-W47-7", "2026-11-22T00:00:00Z"),
        ("2026W47", "2026-11-16T00:00:00Z"),
        ("1790-01-12", "1970-01-01T00:00:00Z"),
        ("24h", "2026-11-21T00:00:00Z"),
    ],
)
def test_the_forms_of_iso_8601_are_moments(text: str, same: str) -> None:
    assert format_timestamp(parse_moment(text, parse_timestamp("2026-11-22T00:00:00Z"))) == same


@pytest.mark.parametrize(
    ("age", "seconds"),
    [("1s", 1), ("1m", 60), ("90m", 5400), ("1h", 3600), ("1d", 86_400), ("7d", 604_800), ("2w", 1_209_600)],
)
def test_age(age: str, seconds: int) -> None:
    """An age is so many seconds, minutes, hours, days or weeks before now."""
    assert parse_moment(age, 1e9) == 1e9 - seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01Z", 1), ("9999-12-31T23:59:59Z", 253_402_300_799)],
)
def test_first_and_last_second(text: str, seconds: int) -> None:
    """Times from 1970 to 9999 are valid."""
    assert parse_timestamp(text) == parse_moment(text, 0) == seconds


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_out_of_range(text: str) -> None:
    """Other years are invalid in a record."""
    with pytest.raises(InvalidTimestamp):
        parse_iso_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1969-12-31T23:59:59", 0), ("999999999w", 0), ("9999-12-31T23:59:59.9", 253_402_300_799)]
)
def test_moment_is_clamped(text: str, seconds: int) -> None:
    """No record is older than 1970 or younger than 9999."""
    assert parse_moment(text, 1e9) == seconds
