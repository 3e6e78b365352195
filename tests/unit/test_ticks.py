"""Ticks start where multiplication puts them; what is over is skipped, what is running is not skipped_ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.slots import Tick, next_tick, skipped_ticks

intervals = st.integers(1, 86_400)
moments = st.floats(0, 4e9, allow_nan=False)


@given(moments, intervals, moments)
def test_the_first_tick_is_the_running_one(now: float, interval_seconds: int, origin: float) -> None:
    tick = next_tick(now, interval_seconds, origin)
    assert tick.start <= now + 1e-6
    assert now < tick.end + 1e-6


@given(moments, intervals, st.integers(0, 10_000))
def test_ticks_run_on_time_never_drift(origin: float, interval_seconds: int, number: int) -> None:
    last = Tick(number, origin + number * interval_seconds, origin + (number + 1) * interval_seconds)
    for now in (last.start, last.start + interval_seconds / 2):
        assert next_tick(now, interval_seconds, origin, last).start == origin + (number + 1) * interval_seconds


@pytest.mark.parametrize(
    ("now", "number", "skipped"),
    [(10.0, 2, 0), (11.9, 2, 0), (19.9, 3, 1), (20.1, 4, 2), (104.0, 20, 18)],
)
def test_a_tick_that_is_still_running_runs_late_and_those_before_it_are_skipped(
    now: float, number: int, skipped: int
) -> None:
    last = Tick(1, 5.0, 10.0)
    tick = next_tick(now, 5, last=last)
    assert (tick.number, skipped_ticks(tick, last)) == (number, skipped)


def test_no_tick_is_missed_before_the_first() -> None:
    assert skipped_ticks(next_tick(1e9, 60), None) == 0


def test_a_clock_set_back_by_an_hour_runs_the_tick_of_its_new_time_at_once() -> None:
    last = next_tick(7200.0, 60)
    tick = next_tick(3630.0, 60, last=last)
    assert (tick.start, skipped_ticks(tick, last)) == (3600.0, 0)


def test_a_clock_set_back_by_a_second_waits_for_the_next_tick() -> None:
    last = next_tick(7200.0, 60)
    assert next_tick(7199.0, 60, last=last).start == 7260.0


def test_clock_set_back_by_two_ticks() -> None:
    """The tick of the new time runs at once, and nothing was skipped."""
    last = next_tick(7200.0, 60)
    tick = next_tick(7139.0, 60, last=last)
    assert (tick.start, skipped_ticks(tick, last)) == (7080.0, 0)
