"""Nothing secret is ever printed: not the credentials of a base URL, nor of a proxy, nor those of AWS."""

import logging
import time

import pytest
from support.fakes import FakeClock, StartRaw, http, level_sampler, spot_client
from support.program import run
from support.servers import AWS

from handler.errors import BookUnavailable, UsageError
from handler.invocation import RecordWriter
from handler.record import Record
from handler.settings import check_base_url
from handler.stores.dynamodb import dynamodb_client
from handler.stores.table import Table

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://user:{SECRET}@host",
        f"http://user:{SECRET}@host:99999",
        f"http://user:{SECRET}@host/?query",
        f"http://user:{SECRET}@[host",
        f"http://user:{SECRET}@",
        f"user:{SECRET}@host",
        f"http://us@er:{SECRET}@host:x",
    ],
)
def test_a_base_url_that_is_none_is_told_without_its_credentials(url: str) -> None:
    with pytest.raises(UsageError) as error:
        check_base_url(url)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "[::1]:1", f"{'a' * 64}.invalid", "a..b", "xn--a.invalid"])
def test_a_host_that_fails_is_told_without_its_credentials(
    clock: FakeClock, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BookUnavailable) as error:
        spot_client(f"http://user:{SECRET}@{host}", clock=clock).depth("BTCUSDT", 5, clock.monotonic() + 1.0)
    assert SECRET not in str(error.value) + caplog.text


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "nonsense"])
@pytest.mark.parametrize("host", ["127.0.0.1:1", "[", f"{'a' * 64}.invalid", "127.0.0.1:99999"])
def test_a_proxy_that_fails_is_told_without_its_credentials(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"{scheme}://user:{SECRET}@{host}")
    for url in ("http://exchange.invalid", "https://exchange.invalid"):
        with pytest.raises(BookUnavailable) as error:
            spot_client(url, clock=clock).depth("BTCUSDT", 5, clock.monotonic() + 1.0)
        assert SECRET not in str(error.value)


def test_the_record_names_the_host_without_its_credentials(start_raw: StartRaw, clock: FakeClock) -> None:
    server = start_raw(http("200 OK", b'{"lastUpdateId":1,"bids":[["1","1"]],"asks":[["2","1"]]}'))
    binance = spot_client(server.url.replace("//", f"//user:{SECRET}@"), clock=clock)
    (samples,) = level_sampler(binance, ("BTCUSDT",), (5,)).sample(clock.monotonic() + 5.0)
    assert isinstance(samples[0], Record)
    assert samples[0].host == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("answer", [http("500 Oops"), http("403 Forbidden", b'{"__type":"AccessDenied"}'), b""])
def test_a_table_that_fails_is_told_without_the_keys(
    start_raw: StartRaw, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SECRET}
    for name, value in (AWS | keys | {"AWS_ENDPOINT_URL_DYNAMODB": start_raw(answer).url}).items():
        monkeypatch.setenv(name, value)
    record = Record("2026-11-22T10:00:00Z", "BTCUSDT", 0.25, 5.0, 3.0, 5)
    lines: list[str] = []
    store = Table("records", client=dynamodb_client(attempts=1))
    stored = RecordWriter(lines.append, detail=True, store=store).deliver([record], time.monotonic() + 0.3)
    assert len(stored.failed) == 1
    assert "not stored" in caplog.text
    assert SECRET not in caplog.text + "".join(lines)


def test_the_program_tells_nothing_of_the_credentials_it_was_given() -> None:
    url = f"http://user:{SECRET}@127.0.0.1:1"
    done = run("--symbol", "BTC", "--count", "1", "--interval_seconds", "1", "--base-url", url, http_proxy=url)
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr
