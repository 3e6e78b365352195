"""How long to wait, and which trouble to log."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.fakes import FakeClock

from handler.clock import backoff_seconds
from handler.messages import Episodes


def test_episodes(clock: FakeClock) -> None:
    """Trouble is new after an hour without it, or an hour after the time that it lasts, and each day while it lasts."""
    episodes = Episodes(clock)
    for second in range(0, 72 * 3600, 1800):
        assert episodes.is_new("failing", "a") == episodes.is_new("failing", "b") == (second % 86_400 == 0)
        clock.advance(1800)
    clock.advance(1800)
    assert episodes.is_new("failing", "a", seconds=50.0)
    clock.advance(3649)
    assert not episodes.is_new("failing", "a")


def test_episodes_after_the_clock_was_set_back(clock: FakeClock) -> None:
    """What was logged by a clock that was years ahead is new again, and then quiet."""
    episodes = Episodes(clock)
    clock.set_wall(1e8)
    assert episodes.is_new("failing", "a")
    clock.set_wall(-1e8)
    assert episodes.is_new("failing", "a")
    assert not episodes.is_new("failing", "a")
    clock.advance(3600)
    assert episodes.is_new("failing", "a")


def test_threads(clock: FakeClock) -> None:
    """Of 400 threads that meet the same trouble one finds it new."""
    episodes = Episodes(clock)
    with ThreadPoolExecutor(32) as threads:
        assert sum(threads.map(lambda _: episodes.is_new("failing", "a"), range(400))) == 1


@pytest.mark.parametrize(
    ("retry", "shortest", "longest"), [(0, 0.1, 0.2), (2, 0.4, 0.8), (5, 2.5, 5.0), (999, 2.5, 5.0)]
)
def test_backoff(retry: int, shortest: float, longest: float) -> None:
    """It doubles up to a limit, and half of it is jitter."""
    assert (backoff_seconds(retry, 0.0), backoff_seconds(retry, 1.0)) == (shortest, longest)
