"""Ticks start where multiplication puts them; what is over is skipped, what is running is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.slots import Tick, next_tick, skipped_ticks

intervals = st.integers(1, 86_400)
moments = st.floats(0, 4e9, allow_nan=False)


@given(moments, intervals, moments)
def test_first_tick(now: float, interval_seconds: int, origin: float) -> None:
    """The first tick is the running one."""
    tick = next_tick(now, interval_seconds, origin)
    assert tick.start <= now + 1e-6
    assert now < tick.end + 1e-6


@given(moments, intervals, st.integers(0, 10_000))
def test_no_drift(origin: float, interval_seconds: int, number: int) -> None:
    """Ticks that run on time never drift."""
    last = Tick(number, origin + number * interval_seconds, origin + (number + 1) * interval_seconds)
    for now in (last.start, last.start + interval_seconds / 2):
        assert next_tick(now, interval_seconds, origin, last).start == origin + (number + 1) * interval_seconds


@pytest.mark.parametrize(
    ("now", "number", "skipped"),
    [(10.0, 2, 0), (11.9, 2, 0), (19.9, 3, 1), (20.1, 4, 2), (104.0, 20, 18)],
)
def test_late_tick(now: float, number: int, skipped: int) -> None:
    """A tick that is still running runs late, and those before it are skipped."""
    last = Tick(1, 5.0, 10.0)
    tick = next_tick(now, 5, last=last)
    assert (tick.number, skipped_ticks(tick, last)) == (number, skipped)


def test_nothing_skipped_at_first() -> None:
    """No tick is skipped before the first."""
    assert skipped_ticks(next_tick(1e9, 60), None) == 0


def test_clock_set_back_by_an_hour() -> None:
    """The tick of the new time runs at once."""
    last = next_tick(7200.0, 60)
    tick = next_tick(3630.0, 60, last=last)
    assert (tick.start, skipped_ticks(tick, last)) == (3600.0, 0)


def test_clock_set_back_by_a_second() -> None:
    """The next tick is waited for."""
    last = next_tick(7200.0, 60)
    assert next_tick(7199.0, 60, last=last).start == 7260.0


def test_clock_set_back_by_two_ticks() -> None:
    """The tick of the new time runs at once, and nothing was skipped."""
    last = next_tick(7200.0, 60)
    tick = next_tick(7139.0, 60, last=last)
    assert (tick.start, skipped_ticks(tick, last)) == (7080.0, 0)
