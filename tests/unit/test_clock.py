"""Trouble is logged early and once, however many callers meet it again and again."""

from concurrent.futures import ThreadPoolExecutor

from support.fakes import FakeClock

from handler.clock import QUIET_SECONDS, Episodes


def test_episodes(clock: FakeClock) -> None:
    """Trouble is new once, until nobody met it for an hour, or for an hour after the time that it lasts."""
    episodes = Episodes(clock)
    for number in range(100):
        assert episodes.begins("failing", "a") == episodes.begins("failing", "b") == (number == 0)
        clock.advance(QUIET_SECONDS - 1)
    clock.advance(1)
    assert episodes.begins("failing", "a", seconds=50.0)
    clock.advance(QUIET_SECONDS + 49)
    assert not episodes.begins("failing", "a")


def test_threads(clock: FakeClock) -> None:
    """Of 400 threads that meet the same trouble one finds it new."""
    episodes = Episodes(clock)
    with ThreadPoolExecutor(32) as threads:
        assert sum(threads.map(lambda _: episodes.begins("failing", "a"), range(400))) == 1
