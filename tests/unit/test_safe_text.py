"""What is printed on stderr or logged is one printable line, and no credential is in it, however it is spelled."""

import base64
import json
import logging
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import safe_text
from handler.safe_text import MAX_CHARACTERS, RecordLine, safe_message
from handler.secret_values import hide_credentials

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY="
LINE = RecordLine('{"timestamp":"2026-11-22T10:00:00Z","symbol":"BTCUSDT","host":"testnet.binance.vision"}')


@pytest.fixture(autouse=True)
def _nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(safe_text, "_hidden", {})
    safe_text._cache.clear()
    yield
    safe_text._cache.clear()


def safe(text: object) -> str:
    return safe_text.safe_text(text)


def message(text: str, *args: object, error: BaseException | None = None) -> str:
    info = (type(error), error, None) if error else None
    return safe_message(logging.LogRecord("x", logging.ERROR, "", 0, text, args, info))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("x\x1b[2J\n2026-… ERROR forged", r"x\x1b[2J\n2026-… ERROR forged"),
        ("a\r\tb\0\x7f\x9b2J\x85", r"a\r\tb\x00\x7f\x9b2J\x85"),
        ("\u202egnp.exe\u2066\u200b\ufeff\u2028", r"\u202egnp.exe\u2066\u200b\ufeff\u2028"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
        ("这是测试币456: é – 100 %", "这是测试币456: é – 100 %"),
    ],
)
def test_escape(text: str, printed: str) -> None:
    """Characters that are not visible are escaped."""
    assert safe(text) == printed


@given(text=st.text(st.characters(exclude_categories=())))
def test_one_line(text: str) -> None:
    """Any text becomes one printable line."""
    assert safe(text).isprintable()
    safe(text).encode()  # raises where a lone surrogate is left


def test_long_text() -> None:
    """A long text is cut."""
    assert len(safe("x" * 10**7)) < MAX_CHARACTERS + 100
    assert safe("//" * 10**6 + "@")  # in a time that grows with the length only


def spellings(value: str) -> list[str]:
    data = value.encode()
    return [
        value, repr(value), repr(data), repr(data + b"\n"), json.dumps(value), quote(value), quote(value, safe=""),
        value.upper(), base64.b64encode(data).decode(), f"AWS4-HMAC-SHA256 Credential={value}/20261122/us-east-1",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [KEY, "alice:Sup3r s'e\"c\nret", "pässwörd-这是", "back\\slash\x01"])
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_key(name: str, value: str) -> None:
    """A key is replaced by the name of its variable, however it is spelled."""
    hide_credentials({name: value})
    for spelled in spellings(value):
        assert safe(f"<<{spelled}>>").replace(f"<{name}>", "").count(value[:5]) == 0
        assert f"<{name}>" in safe(f"Invalid header value {spelled}")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "OBI_BASE_URL", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize("password", ["Sup3r/hunter2", "Sup3r#hunter2", "Sup3r?hunter2", "Sup3r@hunter2"])
def test_user_in_url(name: str, password: str) -> None:
    """No part of a URL's user is left, wherever a library cuts it."""
    hide_credentials({name: f"http://Alice:{password}@proxy:3128"})
    basic = base64.b64encode(f"Alice:{password}".encode()).decode()
    texts = [f"Failed to parse: http://Alice:{password}@proxy:3128", f"Alice:{password}", quote(password, safe="")]
    texts += [f"Basic {basic}", "no port 'Sup3r'", "host='alice', port=80", "//hunter2"]
    for text in texts:
        assert not [part for part in ("alice", "Sup3r", "hunter2", "QWxpY2") if part.lower() in safe(text).lower()]
        assert f"<{name}>" in safe(text)


def test_encoded_password() -> None:
    """A password is hidden percent-encoded and decoded."""
    hide_credentials({"HTTPS_PROXY": "http://alice:p%2Fss%40word@proxy"})
    basic = base64.b64encode(b"alice:p/ss@word").decode()
    assert safe(f"p%2Fss%40word p/ss@word {basic}") == "<HTTPS_PROXY> <HTTPS_PROXY> <HTTPS_PROXY>"


def test_proxy_without_scheme() -> None:
    """The user of a proxy without a scheme is hidden too."""
    hide_credentials({"http_proxy": "alice:hunter2@proxy:3128"})
    assert safe("alice hunter2 proxy:3128") == "<http_proxy> <http_proxy> proxy:3128"


@pytest.mark.parametrize("word", ["http://bob:hunter2@host", "bob:hunter2@host", "--x=http://bob:hunter2@host"])
def test_command_line(word: str) -> None:
    """Credentials on the command line are hidden."""
    hide_credentials({}, ["--base-url", word])
    assert "hunter2" not in safe(f"unrecognized arguments: {word}; no port hunter2")


def test_other_urls() -> None:
    """The user of any other URL is left out."""
    assert (
        safe("redirected to https://bob:pa/ss#w?o@rd@host/path, and on")
        == "redirected to https://***@host/path, and on"
    )


@pytest.mark.parametrize("text", ["obi@eu-west-1", "arn:aws:dynamodb:eu-west-1:1:table/obi@eu", "a@b", "table test-1"])
def test_no_credential(text: str) -> None:
    """Names that hold no credential stay."""
    hide_credentials({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, ["--table", text])
    assert safe(text) == text


def test_short_part() -> None:
    """A short part is replaced only as a whole word."""
    hide_credentials({"HTTP_PROXY": "http://bob:x@proxy"})
    assert safe("bob, bobsled, x") == "<HTTP_PROXY>, bobsled, x"


def test_record_in_message() -> None:
    """A record at the end of a message stays what `load` reads."""
    hide_credentials({"HTTP_PROXY": "http://testnet:binance@proxy"})
    text = message("not stored: %s: %s", 'proxy\n testnet: {"timestamp":1}', LINE)
    assert text == rf'not stored: proxy\n <HTTP_PROXY>: {{"timestamp":1}}: {LINE}'


def test_logged_error() -> None:
    """An error is logged without its traceback."""
    hide_credentials({"AWS_SESSION_TOKEN": "EXAMPLETOKEN\n"})
    error = ValueError("Invalid header value b'EXAMPLETOKEN\\n'")
    text = message("refreshing failed", error=error)
    assert text == "refreshing failed: ValueError: Invalid header value b'<AWS_SESSION_TOKEN>'"


def test_renewed_token() -> None:
    """A new token is hidden in place of the old one."""
    for number in range(1000):
        safe_text.hide("AWS session token", f"token-{number}-of-an-instance")
    assert safe("token-999-of-an-instance") == "<AWS session token>"
    assert sys.getsizeof(safe_text._hidden) < 1000
