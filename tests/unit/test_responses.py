"""Every response of the exchange has a meaning, and only one."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fakes import BODY, NOON

from handler.book import Book
from handler.exchanges.binance import classify_response, used_weight
from handler.exchanges.responses import NoBook, RegionBlocked, Rejected, Retry, RetryAfter

ERROR = b'{"code":-1121,"msg":"Invalid symbol."}'
EDGE = b"<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD></HTML>"
UNTIL = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until %d. Please use WebSocket Streams."}'


def read(status: int, body: bytes = b"", now: float = NOON, **headers: str) -> Book | NoBook:
    return classify_response(
        status, {name.replace("_", "-").lower(): value for name, value in headers.items()}, body, now
    )


def test_depth_body() -> None:
    """A depth body is a book."""
    book = read(200, BODY)
    assert isinstance(book, Book)
    assert (book.bids.levels, book.asks.levels, book.last_update_id) == ([(99.0, 2.0), (98.0, 1.0)], [(101.0, 1.0)], 1)


@pytest.mark.parametrize("body", [b"", EDGE, b"[]", b"null", b"{}", BODY[:-9], b"\xff\xfe", ERROR])
def test_200_without_book(body: bytes) -> None:
    """A 200 without a depth body is the host's fault, and retried."""
    answer = read(200, body)
    assert isinstance(answer, Retry)
    assert answer.reason.startswith("answered no order book")


@pytest.mark.parametrize("status", [201, 204, 301, 302, 403, 404, 405, 500, 502, 503, 504, 520, 599])
def test_other_status(status: int) -> None:
    """Any other status is the host's fault, and named in the reason."""
    assert read(status, ERROR) == Retry(f"answered HTTP {status}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (ERROR, "Invalid symbol. (code -1121)"),
        (b'{"code":-1100,"msg":"Illegal characters found in parameter \'symbol\'."}', "Illegal characters"),
        ('{"code":-1121,"msg":"这是测试币456"}'.encode(), "这是测试币456 (code -1121)"),
    ],
)
def test_400_with_code(body: bytes, message: str) -> None:
    """A 400 with a code is the caller's mistake, reported in the exchange's own words."""
    answer = read(400, body)
    assert isinstance(answer, Rejected)
    assert message in answer.reason


@pytest.mark.parametrize(
    "body", [b"", EDGE, b"[]", b"null", b"7", b'{"msg":"no code"}', b'{"code":-1121}', b'{"code":"x","msg":""}']
)
def test_400_without_code(body: bytes) -> None:
    """A 400 without a code comes from a proxy, and is retried."""
    assert read(400, body) == Retry("answered HTTP 400")


@pytest.mark.parametrize("code", [-1000, -1001, -1003, -1006, -1007, -1008, -1015, -1016, -1034, -1112])
def test_400_with_passing_code(code: int) -> None:
    """A 400 whose code says nothing against the request is retried."""
    answer = read(400, b'{"code":%d,"msg":"Try again later."}' % code)
    assert answer == Retry(f"answered HTTP 400: Try again later. (code {code})")


def test_451() -> None:
    """A 451 blocks the host."""
    assert read(451, b'{\n  "code": 0,\n  "msg": "restricted location"\n}') == RegionBlocked()


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1.0), ("35", 35.0), (" 7 ", 7.0), ("2.5", 2.5), ("259200", 259200)]
)
@pytest.mark.parametrize("status", [418, 429])
def test_retry_after(status: int, text: str, seconds: float) -> None:
    """Retry-After is the cooldown."""
    answer = read(status, Retry_After=text)
    assert isinstance(answer, RetryAfter)
    assert (answer.seconds, f"HTTP {status}" in answer.reason) == (seconds, True)


NO_SECONDS = ["", "soon", "-1", "nan", "inf", "1e999", "Sat, 21 Nov 2026 12:01:00 GMT"]


@pytest.mark.parametrize("text", NO_SECONDS)
@pytest.mark.parametrize(("now", "seconds"), [(NOON, 60.0), (NOON + 12.5, 47.5), (NOON + 59.0, 1.0)])
def test_429_without_retry_after(text: str, now: float, seconds: float) -> None:
    """A 429 without seconds lasts until the end of the exchange's clock minute."""
    answer = read(429, now=now, Retry_After=text)
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == seconds


@pytest.mark.parametrize("text", NO_SECONDS)
def test_418_until_in_message(text: str) -> None:
    """A 418 without seconds lasts until the time in its message."""
    answer = read(418, UNTIL % round((NOON + 179.5) * 1000), Retry_After=text)
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == 179.5


def test_retry_after_beats_message() -> None:
    """Retry-After beats the time in the message."""
    answer = read(418, UNTIL % round((NOON + 600) * 1000), Retry_After="437")
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == 437


@pytest.mark.parametrize("body", [b"", EDGE, UNTIL % 0, UNTIL % round((NOON - 5) * 1000), UNTIL % round(NOON * 1000)])
@pytest.mark.parametrize("retry_after", ["", "0"])
def test_418_without_any_time(body: bytes, retry_after: str) -> None:
    """A 418 that names no future time lasts as long as the shortest ban."""
    answer = read(418, body, Retry_After=retry_after)
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == 120


statuses = st.sampled_from([200, 400, 403, 418, 429, 451, 503]) | st.integers(100, 999)
names = st.sampled_from(["retry-after", "Content-Type"]) | st.text(max_size=10)
values = st.text(max_size=20) | st.floats().map(str) | st.integers().map(str)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["msg", "code", "bids", "asks"]), inner)
    ),
    max_leaves=8,
)
errors = st.fixed_dictionaries({"code": json_values, "msg": json_values})
bodies = st.binary(max_size=60) | (json_values | errors).map(lambda value: json.dumps(value).encode())


@given(statuses, st.dictionaries(names, values, max_size=2), bodies, st.floats(0, 1e10))
@example(400, {}, b'{"code":1e999,"msg":""}', NOON)
def test_any_response(status: int, headers: dict[str, str], body: bytes, now: float) -> None:
    """Any response has a meaning and never raises."""
    answer = classify_response(status, headers, body, now)
    assert isinstance(answer, Book | Retry | RetryAfter | Rejected | RegionBlocked)
    assert not isinstance(answer, RetryAfter) or 0 <= answer.seconds < float("inf")


@given(st.lists(st.text('[]{},:"0.9eE+-', max_size=3), max_size=20).map("".join), st.integers(0, 100_000))
def test_any_body(text: str, depth: int) -> None:
    """Any text and any nesting in a 200 is a book or the host's fault."""
    for body in (text.encode(), b"[" * depth, b'{"bids":' * depth + b"0" + b"}" * depth):
        assert isinstance(read(200, body), Book | Retry)
        assert isinstance(read(400, body), Rejected | Retry)


@pytest.mark.parametrize(
    ("text", "weight"),
    [("0", 0), ("42", 42), ("999999999", 999_999_999), ("1234567890", None), ("", None), ("-5", None)],
)
def test_used_weight(text: str, weight: int | None) -> None:
    """The header's number; None where it is absent or too long."""
    assert used_weight({"x-mbx-used-weight-1m": text}) == weight
    assert used_weight({}) is None


@pytest.mark.parametrize(("retry_after", "seconds"), [("0", 1.0), ("0.5", 1.0), ("1.5", 1.5)])
def test_429_minimum(retry_after: str, seconds: float) -> None:
    """A 429 demands at least a second, since it is the last warning before a ban."""
    answer = read(429, Retry_After=retry_after)
    assert isinstance(answer, RetryAfter)
    assert (answer.seconds, answer.is_banned) == (seconds, False)


def test_418_is_a_ban() -> None:
    """A 418 is marked as a ban."""
    answer = read(418, Retry_After="5")
    assert isinstance(answer, RetryAfter)
    assert answer.is_banned
