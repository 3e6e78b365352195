"""Text for stderr and the log is one printable line without credentials."""

import logging

import pytest

from handler.messages import MAX_CHARACTERS, safe_message, safe_text

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b[31mred\nnext\u202e", "a\\x1b[31mred\\nnext\\u202e"),
        ("http://user:pa#s/s@host:80/path failed", "http://host:80/path failed"),
        ("HTTPS_PROXY=http://u@h and http://v:w@i", "HTTPS_PROXY=http://h and http://i"),
        (f"signed with {SECRET}", "signed with <AWS_SECRET_ACCESS_KEY>"),
        ("mail a@b.c about http://host/", "mail a@b.c about http://host/"),
        ("straße ✓", "straße ✓"),
    ],
)
def test_safe_text(text: str, safe: str) -> None:
    """Control characters are escaped, credentials are cut or replaced, everything else stays."""
    assert safe_text(text, {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ACCESS_KEY_ID": "test"}) == safe


def test_long_text() -> None:
    """A message is cut, and says by how much."""
    assert safe_text("x" * MAX_CHARACTERS + "end") == "x" * 4000 + "… (3 more characters) …" + "x" * 3997 + "end"


def test_log_record() -> None:
    """An error that is logged becomes one line without its traceback."""
    error = OSError("http://user:password@host\nrefused")
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "%s failed", ("BTC",), (OSError, error, None))
    assert safe_message(record) == "BTC failed: OSError: http://host\\nrefused"
