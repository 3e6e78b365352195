"""A stale book is recorded, and reported once per episode."""

import logging

import pytest
from support.fakes import BODY, FakeClock, StartRaw, http, spot_client

from handler.exchanges.client import MAX_UNCHANGED_SECONDS, FreshnessLog


@pytest.fixture
def log() -> FreshnessLog:
    return FreshnessLog()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings since the last call."""
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return found


def test_cached_book(log: FreshnessLog, caplog: pytest.LogCaptureFixture) -> None:
    """A book from a cache is reported once per episode."""
    for number, age in enumerate(["3600", "3660", "0", "", "12"]):
        log.note("BTCUSDT", "host", {"age": age} if age else {}, number, 60.0 * number)
    first, second = warnings(caplog)
    assert ("BTCUSDT" in first, "3600 s" in first, "12 s" in second) == (True, True, True)


@pytest.mark.parametrize("age", ["-1", "soon", "1.5", "٣", "9" * 5000])
def test_odd_age(log: FreshnessLog, age: str) -> None:
    """An odd Age header costs no book."""
    log.note("BTCUSDT", "host", {"age": age}, 1, 0.0)


def test_unchanged_book(log: FreshnessLog, caplog: pytest.LogCaptureFixture) -> None:
    """A book that never changes is reported once per episode."""

    def note(update_id: int, minutes: range) -> list[str]:
        for minute in minutes:
            log.note("BTCUSDT", "host", {}, update_id, 60.0 * minute)
        return warnings(caplog)

    assert note(1, range(10)) == []
    assert len(note(1, range(10, 70))) == 1
    assert note(2, range(70, 80)) == []
    assert len(note(2, range(80, 200))) == 1


def test_pairs_are_separate(log: FreshnessLog, caplog: pytest.LogCaptureFixture) -> None:
    """Pairs are watched separately."""
    for pair in ("BTCUSDT", "ETHUSDT"):
        for seconds in (0, MAX_UNCHANGED_SECONDS):
            log.note(pair, "host", {}, 1, seconds)
    assert [text.partition(":")[0] for text in warnings(caplog)] == ["BTCUSDT", "ETHUSDT"]


def test_client(start_raw: StartRaw, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """The client reports both."""
    binance = spot_client(start_raw(http("200 OK", BODY, Age="3600")).url, clock=clock)
    for _ in range(12):
        binance.depth("BTCUSDT", 5, clock.monotonic() + 60.0)
        clock.advance(60.0)
    assert ["cache" in text for text in warnings(caplog)] == [True, False]
