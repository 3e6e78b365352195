"""Trouble is logged early and once, however many callers meet it again and again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.fakes import FakeClock

from handler.exchange.episodes import REPEAT_SECONDS, Episodes


@pytest.fixture
def episodes(clock: FakeClock) -> Episodes:
    return Episodes(clock)


def test_an_episode_is_logged_once(episodes: Episodes, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """An episode is one warning, also if its text differs; another kind and another scope are others."""
    for number in range(1000):
        episodes.note("failing", "a", f"port {number} refused")
        episodes.note("cooldown", "a", "banned")
        episodes.note("failing", "b", "refused")
        episodes.note("failing", "c")
        clock.advance(REPEAT_SECONDS / 3)
    assert caplog.messages == ["port 0 refused", "banned", "refused"]
    assert caplog.records[0].levelname == "WARNING"


def test_a_new_episode_is_logged_again(episodes: Episodes, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """What was over is logged again, but not more often than every ten minutes; if it lasts, it is after them."""
    for second in range(3 * int(REPEAT_SECONDS)):
        episodes.note("failing", "a", "refused")
        if second < 2 * REPEAT_SECONDS:
            episodes.note("failing", "a")
        assert len(caplog.messages) == 1 + second // REPEAT_SECONDS
        clock.advance(1.0)


def test_threads(episodes: Episodes, caplog: pytest.LogCaptureFixture) -> None:
    """400 threads that meet the same trouble log it once."""
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda _: episodes.note("failing", "a", "refused"), range(400)))
    assert caplog.messages == ["refused"]
