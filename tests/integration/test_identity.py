"""Nothing that identifies the user is sent to the exchange."""

from pathlib import Path

import pytest
from support.fakes import BODY, FakeClock, StartRaw, http, spot_client

SENT = {"host", "user-agent", "accept", "accept-encoding"}


def sent_headers(head: str) -> dict[str, str]:
    lines = head.rstrip("\r\n").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("entry", ["default login alice password x", "machine 127.0.0.1 login alice password x"])
@pytest.mark.parametrize("variable", ["HOME", "NETRC"])
def test_credentials_in_netrc_stay_there(
    start_raw: StartRaw, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, variable: str
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(entry)
    monkeypatch.setenv(variable, str(tmp_path if variable == "HOME" else netrc))
    server = start_raw(http("200 OK", BODY))
    spot_client(server.url, clock=clock).depth("BTCUSDT", 5, 1060.0)
    assert sent_headers(server.heads[0]).keys() == SENT


def test_cookies_are_not_kept(start_raw: StartRaw, clock: FakeClock) -> None:
    server = start_raw(http("200 OK", BODY, Set_Cookie="session=1; Path=/"))
    binance = spot_client(server.url, clock=clock)
    for _ in range(2):
        binance.depth("BTCUSDT", 5, 1060.0)
    assert [sent_headers(head).keys() for head in server.heads] == [SENT, SENT]


def test_credentials_that_a_base_url_carries_are_sent_to_it(start_raw: StartRaw, clock: FakeClock) -> None:
    """They were given for that host on purpose, such as a private mirror."""
    server = start_raw(http("200 OK", BODY))
    spot_client(server.url.replace("//", "//alice:x@"), clock=clock).depth("BTCUSDT", 5, 1060.0)
    assert sent_headers(server.heads[0])["authorization"] == "Basic YWxpY2U6eA=="
