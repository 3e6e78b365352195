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


def test_a_reason_is_logged_at_the_first_try_and_not_again(
    failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        failures.failed(HOST, REFUSED)
        assert caplog.messages == [f"{HOST}: {REFUSED}"]
        clock.advance(REPEAT_SECONDS / 3)
    assert caplog.records[0].levelname == "WARNING"


def test_another_reason_and_another_source_are_logged_too(
    failures: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        failures.failed(HOST, REFUSED)
        failures.failed(HOST, UNKNOWN)
        failures.failed("other", REFUSED)
    assert caplog.messages == [f"{HOST}: {REFUSED}", f"{HOST}: {UNKNOWN}", f"other: {REFUSED}"]


def test_after_a_success_the_reason_is_logged_again(
    failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    failures.failed(HOST, REFUSED)
    clock.advance(REPEAT_SECONDS)
    failures.succeeded(HOST)
    failures.failed(HOST, REFUSED)
    assert len(caplog.messages) == 2


def test_a_failure_that_a_retry_gets_over_is_not_logged(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
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


def test_one_try_that_takes_long_is_logged_at_its_end(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    failures = FailureLog(logging.getLogger("handler"), clock, patience_seconds=1.0)
    began = clock.monotonic()
    clock.advance(10.0)
    failures.failed(HOST, "timed out", began)
    assert caplog.messages == [f"{HOST}: timed out"]


def test_the_success_of_one_source_says_nothing_about_another(
    failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    failures.failed(HOST, REFUSED)
    clock.advance(REPEAT_SECONDS)
    failures.succeeded("other")
    failures.failed(HOST, REFUSED)
    assert len(caplog.messages) == 1


def test_what_fails_and_works_by_turns_is_logged_once_a_minute(
    failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(600):
        failures.failed(HOST, REFUSED)
        failures.succeeded(HOST)
        clock.advance(1.0)
        assert len(caplog.messages) == 1 + second // REPEAT_SECONDS


def test_what_fails_for_good_soon_after_it_was_logged_is_logged_within_a_minute(
    failures: FailureLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    failures.failed(HOST, REFUSED)
    failures.succeeded(HOST)
    for _ in range(600):
        clock.advance(1.0)
        failures.failed(HOST, REFUSED)
    assert len(caplog.messages) == 2


def test_four_hundred_threads_that_fail_for_one_reason_log_it_once(
    failures: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda _: failures.failed(HOST, REFUSED), range(400)))
    assert len(caplog.messages) == 1


def test_reasons_without_end_are_not_logged_without_end(failures: FailureLog, caplog: pytest.LogCaptureFixture) -> None:
    numbers = count()
    for _ in range(1000):
        failures.failed(HOST, f"port {next(numbers)} refused")
    assert len(caplog.messages) == MAX_REASONS
