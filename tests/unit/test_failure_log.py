"""Why something fails is logged early and once, however many callers try again and again."""

import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from support.fakes import FakeClock

from handler.failure_log import MAX_REASONS, REPEAT_SECONDS, FailureLog

HOST = "api.example"
REFUSED, UNKNOWN = "connection refused", "unknown host"


@pytest.fixture
def failures(clock: FakeClock) -> FailureLog:
    return FailureLog(logging.getLogger("handler"), clock)


def test_logged_once(failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A reason is logged after the first try, and not again."""
    for _ in range(1000):
        failures.failed(HOST, REFUSED)
        assert caplog.messages == [f"{HOST}: {REFUSED}"]
        clock.advance(REPEAT_SECONDS / 3)
    assert caplog.records[0].levelname == "WARNING"


def test_other_reason_or_source(failures: FailureLog, caplog: pytest.LogCaptureFixture) -> None:
    """Another reason and another source are logged too."""
    for _ in range(3):
        failures.failed(HOST, REFUSED)
        failures.failed(HOST, UNKNOWN)
        failures.failed("other", REFUSED)
    assert caplog.messages == [f"{HOST}: {REFUSED}", f"{HOST}: {UNKNOWN}", f"other: {REFUSED}"]


def test_logged_again_after_success(failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """After a success the reason is logged again."""
    failures.failed(HOST, REFUSED)
    clock.advance(REPEAT_SECONDS)
    failures.succeeded(HOST)
    failures.failed(HOST, REFUSED)
    assert len(caplog.messages) == 2


def test_successful_retry(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A failure that a retry overcomes is not logged."""
    failures = FailureLog(logging.getLogger("handler"), clock, patience_seconds=1.0)
    for _ in range(3):
        failures.failed(HOST, REFUSED)
        clock.advance(0.9)
        failures.succeeded(HOST)
    assert caplog.messages == []
    failures.failed(HOST, REFUSED)
    clock.advance(1.0)
    failures.failed(HOST, REFUSED)
    assert caplog.messages == [f"{HOST}: {REFUSED}"]


def test_long_try(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """One try that takes long is logged at its end."""
    failures = FailureLog(logging.getLogger("handler"), clock, patience_seconds=1.0)
    began = clock.monotonic()
    clock.advance(10.0)
    failures.failed(HOST, "timed out", began)
    assert caplog.messages == [f"{HOST}: timed out"]


def test_sources_are_separate(failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """The success of one source says nothing about another."""
    failures.failed(HOST, REFUSED)
    clock.advance(REPEAT_SECONDS)
    failures.succeeded("other")
    failures.failed(HOST, REFUSED)
    assert len(caplog.messages) == 1


def test_flapping(failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """What fails and works alternately is logged once a minute."""
    for second in range(600):
        failures.failed(HOST, REFUSED)
        failures.succeeded(HOST)
        clock.advance(1.0)
        assert len(caplog.messages) == 1 + second // REPEAT_SECONDS


def test_lasting_failure_after_flapping(
    failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure that lasts, soon after it was logged, is logged within a minute."""
    failures.failed(HOST, REFUSED)
    failures.succeeded(HOST)
    for _ in range(600):
        clock.advance(1.0)
        failures.failed(HOST, REFUSED)
    assert len(caplog.messages) == 2


def test_threads(failures: FailureLog, caplog: pytest.LogCaptureFixture) -> None:
    """400 threads that fail for the same reason log it once."""
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda _: failures.failed(HOST, REFUSED), range(400)))
    assert len(caplog.messages) == 1


def test_endless_reasons(failures: FailureLog, caplog: pytest.LogCaptureFixture) -> None:
    """An endless number of reasons is not an endless log."""
    numbers = count()
    for _ in range(1000):
        failures.failed(HOST, f"port {next(numbers)} refused")
    assert len(caplog.messages) == MAX_REASONS
