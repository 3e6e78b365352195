"""What each answer means: a table of statuses, headers and bodies."""

import json
import threading
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import NOON

from handler.book import Book, parse_depth
from handler.exchange.answers import Answer, Failure, classify, header_number, oddities

NOW = NOON + 12.5
DAY = 86_400.0
TWO_HOURS_OFF = {"date": formatdate(NOON + 7200, usegmt=True)}  # the host's clock, or this machine's
BOOK = b'{"lastUpdateId":7,"bids":[["99","2"]],"asks":[["101","1"]]}'


def error(code: int, message: str = "m") -> bytes:
    return json.dumps({"code": code, "msg": message}).encode()


def ban(seconds: float) -> bytes:
    return error(-1003, f"Way too much request weight used; IP banned until {round((NOW + seconds) * 1000)}. Please")


def meaning(status: int, body: bytes = b"", /, **headers: str) -> Any:
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(Answer(status, lower, body), "BTCUSDT", NOW)


def test_book() -> None:
    """A 200 with a depth body is a book, also of the symbol that it names."""
    for body in (BOOK, BOOK.replace(b"{", b'{"symbol":"BTCUSDT",', 1)):
        assert isinstance(meaning(200, body), Book)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        *((status, b"", f"HTTP {status}") for status in (100, 204, 302, 400, 404, 500)),
        *((400, body, "HTTP 400") for body in (b"<html>", b"[]", b'{"code":"x"}', b"[" * 24_000, b"\xff")),
        *((400, error(code), "HTTP 400") for code in (0, 10001, -1000, -1112)),
        *((200, body, "bad answer") for body in (b"", b"<html>", error(-1121))),
        (200, BOOK.replace(b"{", b'{"symbol":"ETHUSDT",', 1), "bad answer"),
    ],
)
def test_retry(status: int, body: bytes, reason: str) -> None:
    """What may pass is tried again."""
    assert ((found := meaning(status, body)).reason, found.seconds) == (reason, 0)


def test_rejected() -> None:
    """A 400 with any other code is final, in the exchange's own words."""
    assert meaning(400, error(-1100, "Illegal.")) == Failure("Illegal. (code -1100)", "rejected")


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason", "seconds"),
    [
        (418, b"", {}, "banned", 120),
        *((status, ban(500), {}, "banned", 500) for status in (200, 400, 418, 429)),
        (418, ban(-500), {"retry_after": "600"}, "banned", 600),
        (418, ban(30 * DAY), {}, "banned", 3 * DAY),
        (429, b"", {}, "rate limited", 47.5),
        (429, b"", {"retry_after": "2.5"}, "rate limited", 2.5),
        *((429, b"", {"retry_after": odd}, "rate limited", 47.5) for odd in ("soon", "0", "inf", "1795897668")),
        (429, b"", {"retry_after": "9999999"}, "rate limited", 3 * DAY),
        (429, b"", {"retry_after": formatdate(NOON + 30, usegmt=True)}, "rate limited", 17.5),
        (429, b"", {"retry_after": formatdate(NOON, usegmt=True)}, "rate limited", 47.5),
        (429, b"", {"retry_after": formatdate(NOON + 7230, usegmt=True), **TWO_HOURS_OFF}, "rate limited", 30),
        (418, ban(7200 - 12.5 + 60), TWO_HOURS_OFF, "banned", 60),
        *((status, error(-1003, "Too many requests"), {}, "rate limited", 47.5) for status in (200, 400)),
        (403, b"<html>", {}, "HTTP 403", 120),
        (451, b"{}", {}, "region", 300),
        (503, b"", {"retry_after": "3600"}, "HTTP 503", 300),
        (200, b"<html>", {"retry_after": "3600"}, "bad answer", 300),
    ],
)  # fmt: skip
def test_cooldown(status: int, body: bytes, headers: dict[str, str], reason: str, seconds: float) -> None:
    """What asks for a wait gets it: a ban whatever carries it, by the host's clock, never more than three days."""
    found = meaning(status, body, **headers)
    assert (found.reason, found.seconds) == (reason, pytest.approx(seconds, abs=0.01))


@pytest.mark.parametrize(("text", "number"), [("17", 17), ("12, 5", 12), ("-1", None), ("٣", None), ("9" * 5000, None)])
def test_numbers_in_headers(text: str, number: int | None) -> None:
    """An odd number in a header costs no book."""
    assert header_number({"age": text}, "age") == number


@given(st.integers(100, 599), st.binary() | st.just(b"[" * 2000), st.text(), st.text())
def test_any_answer(status: int, body: bytes, retry_after: str, date: str) -> None:
    """Whatever comes is an answer of some kind, and its wait is bounded."""
    found = meaning(status, body, retry_after=retry_after, date=date)
    assert isinstance(found, Book) or 0 <= found.seconds <= 3 * DAY


def test_nested_errors_on_a_small_stack() -> None:
    """Nested JSON exhausts no stack, as it did the 1 MB of a thread on Python 3.13."""
    found = []
    threading.stack_size(2**18)
    try:
        thread = threading.Thread(target=lambda: found.append(meaning(400, b'{"x":' * 400)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(0)
    assert [retry.reason for retry in found] == ["HTTP 400"]


def depth(bids: int = 1, asks: int = 1, best_bid: int = 99, time: float | None = None) -> Book:
    """A book of so many levels."""
    sides = ([[f"{best_bid - n}", "1"] for n in range(bids)], [[f"{101 + n}", "1"] for n in range(asks)])
    return parse_depth(json.dumps({"bids": sides[0], "asks": sides[1], "T": time and round(time * 1000)}).encode())


@pytest.mark.parametrize(
    ("book", "headers", "kind", "words"),
    [
        *((depth(), {"date": formatdate(NOW + late, usegmt=True)[: -4 * odd or None]}, kind, words)
          for late, odd, kind, words in ((9, 0, "", ""), (-9, 0, "", ""), (7200, 0, "clock", "before"),
                                         (-7200, 0, "clock", "after"), (7200, 1, "", ""))),
        (depth(time=NOW - 60), {}, "clock", "60 s after"),
        (depth(), {"age": "0"}, "", ""),
        (depth(), {"age": "3600"}, "cached", "3600 s"),
        (depth(best_bid=102), {}, "crossed", "crossed"),
        (depth(bids=50, asks=50), {}, "capped", "50 of 1000"),
        (depth(bids=50, asks=40), {}, "", ""),
    ],
)  # fmt: skip
def test_oddities(book: Book, headers: dict[str, str], kind: str, words: str) -> None:
    """A book that is old, cached, crossed or cut off says so; an ordinary one and an odd header do not."""
    found = oddities(book, 1000, headers, NOW)
    assert (list(found), words in found.get(kind, "")) == ([kind] if kind else [], True)
