"""Why nothing is measured is logged early and once, and again when it changes, however long the interval is."""

from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from support.fakes import StartExchange
from support.program import PATIENCE_SECONDS, start

FLAGS = ("--symbol", "BTC", "ETH", "SOL", "--interval_seconds", "3600")


def first_reasons(count: int, *flags: str, **environment: Any) -> list[str]:
    """The first lines on stderr of a run that is then ended, and that had an hour for its first tick."""
    with start(*FLAGS, *flags, **environment) as process:
        assert process.stderr is not None
        guard = Timer(PATIENCE_SECONDS, process.kill)
        guard.start()
        lines = [process.stderr.readline() for _ in range(count)]
        guard.cancel()
        process.terminate()
        try:
            stdout, more = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, stdout) == (0, "")
    return [line for line in lines + more.splitlines() if line]


def test_a_host_that_refuses_connections(dead_url: str) -> None:
    (reason,) = first_reasons(1, "--base-url", dead_url)
    assert "Connection refused" in reason


def test_a_ca_bundle_that_does_not_exist(tmp_path: Path, dead_url: str) -> None:
    bundle = str(tmp_path / "missing.pem")
    (reason,) = first_reasons(1, "--base-url", dead_url.replace("http:", "https:"), REQUESTS_CA_BUNDLE=bundle)
    assert f"the CA bundle {bundle} does not exist" in reason


def test_a_proxy_that_cannot_be_parsed() -> None:
    (reason,) = first_reasons(1, "--base-url", "http://127.0.0.1:1", http_proxy="http://alice:a/b@127.0.0.1:1")
    assert "proxy URL in the environment is invalid" in reason


@pytest.mark.parametrize("status", ["503", "html", "html403"])
def test_a_host_that_answers_no_book(start_exchange: StartExchange, status: str) -> None:
    exchange = start_exchange(f"{status}*", symbols=["BTCUSDT", "ETHUSDT", "SOLUSDT"], books={})
    (reason,) = first_reasons(1, "--base-url", exchange.url)
    assert "answered" in reason


def test_a_cooldown_that_fits_the_interval(start_exchange: StartExchange) -> None:
    exchange = start_exchange("429=600*", symbols=["BTCUSDT", "ETHUSDT", "SOLUSDT"], books={})
    (reason,) = first_reasons(1, "--base-url", exchange.url)
    assert "request weight used up (HTTP 429)" in reason


def test_a_reason_that_changes(start_exchange: StartExchange) -> None:
    exchange = start_exchange("503*18", "504*", symbols=["BTCUSDT", "ETHUSDT", "SOLUSDT"], books={})
    reasons = first_reasons(2, "--base-url", exchange.url)
    assert ["503" in reasons[0], "504" in reasons[1], len(reasons)] == [True, True, 2]
