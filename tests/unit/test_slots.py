"""Timestamps read back as they were written, and belong to exactly one slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import InvalidTimestamp
from handler.slots import format_timestamp, parse_iso_time, parse_moment, parse_timestamp, slot_start

moments = st.integers(0, 4_000_000_000)
intervals = st.integers(1, 86_400)


@given(moments, intervals)
def test_slot_start(moment: int, interval_seconds: int) -> None:
    """A slot starts at a multiple of the interval and contains its time."""
    slot = slot_start(moment, interval_seconds)
    assert slot % interval_seconds == 0
    assert slot <= moment < slot + interval_seconds
    assert slot_start(slot, interval_seconds) == slot


@given(moments, moments)
def test_timestamp_round_trip(one: int, other: int) -> None:
    """Timestamps read back, and sort as text as they sort in time."""
    assert parse_timestamp(format_timestamp(one)) == one
    assert (format_timestamp(one) < format_timestamp(other)) == (one < other)


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00.999Z", "20261122T090000Z"])
def test_time_zone(text: str) -> None:
    """A time in any zone is read, and cut to whole seconds."""
    assert format_timestamp(parse_iso_time(text)) == "2026-11-22T09:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-22", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z", "1969-12-31T23:59:59Z",
     "9999-12-31T23:59:59-14:00"],
)  # fmt: skip
def test_invalid_iso_time(text: str) -> None:
    """Text that is not a time from 1970 to 9999 with a zone is rejected."""
    with pytest.raises(InvalidTimestamp):
        parse_iso_time(text)


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00.5Z", "2026-11-22t10:00:00Z"])
def test_one_timestamp_format(text: str) -> None:
    """A record writes its time in one way only."""
    with pytest.raises(InvalidTimestamp):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    ["1790011200000", "20261122010", "24", "9" * 5000, "1.79e9", "1790011200000Z", "2026-11-22x10:00", "2026-11-221000",
     "2026-11-22T", "٢٤h", "1790011200.5"],
)  # fmt: skip
def test_almost_a_time(text: str) -> None:
    """A bare number, or text that only resembles a time, is rejected, and the reason says what to give instead."""
    with pytest.raises(InvalidTimestamp, match="give an age such as 90m, 24h or 7d, or an ISO time such as 2026"):
        parse_moment(text, 0)
    with pytest.raises(InvalidTimestamp):
        parse_iso_time(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        *((day, "2026-11-22T00:00:00Z") for day in ("20261122", "2026-W47-7")),
        *((time, "2026-11-22T10:00:00Z") for time in ("20261122T10", "2026-11-22 10:00")),
        *((early, "1970-01-01T00:00:00Z") for early in ("1969-12-31T23:59:59", "999999999w")),
        *(("9999-12-31T23:59:59.9", "9999-12-31T23:59:59Z"), ("1s", "2026-11-21T23:59:59Z")),
        *(("90m", "2026-11-21T22:30:00Z"), ("24h", "2026-11-21T00:00:00Z"), ("7d", "2026-11-15T00:00:00Z")),
        ("2w", "2026-11-08T00:00:00Z"),
    ],
)
def test_moment(text: str, moment: str) -> None:
    """The forms of ISO 8601 are read, in UTC where they have no zone, and ages; none is before 1970 or after 9999."""
    assert format_timestamp(parse_moment(text, parse_timestamp("2026-11-22T00:00:00Z"))) == moment
