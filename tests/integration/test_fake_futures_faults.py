"""Each fault of the fake exchange means on futures what it means on spot, in the words and the format of futures."""

import json
import socket
from typing import Any

import pytest

from infra.fake_exchange import FakeExchange
from infra.fake_exchange.api import Api, Outcome
from infra.fake_exchange.books import depth_body, render_sides
from infra.fake_exchange.fault_plan import FaultPlan
from infra.fake_exchange.faults import FAULTS, SURPLUS_BOOK

NOON_MS = 1_795_262_400_000
SPOT, USDM = "/api/v3/depth?symbol=BTCUSDT&limit=5", "/fapi/v1/depth?symbol=BTCUSDT&limit=5"


class Steps:
    """A clock that is an hour later each time that it is read."""

    def __init__(self) -> None:
        self.seconds = NOON_MS / 1000 - 3600

    def __call__(self) -> float:
        self.seconds += 3600
        return self.seconds


def respond(fault: str, target: str, clock: Any = lambda: NOON_MS / 1000, requests: int = 1) -> list[Outcome]:
    """What an exchange with this fault responds to such requests; Steps is read once when it starts."""
    plan = FaultPlan()
    plan.script([f"{fault}*"])
    api = Api(["BTCUSDT"], {}, seed=0, tick_ms=100, weight_limit=None, fault_plan=plan, clock=clock)
    return [api.respond("GET", target) for _ in range(requests)]


def values(outcome: Outcome) -> Any:
    try:
        return json.loads(outcome.response.body)
    except ValueError:
        return None


@pytest.mark.parametrize("fault", FAULTS)
def test_same_fault(fault: str) -> None:
    """Status, kind of response and delivery are those of spot; where there is a book, it has the times of futures."""
    [spot], [usdm] = respond(fault, SPOT), respond(fault, USDM)
    assert (usdm.fault, usdm.response.status) == (fault, spot.response.status)
    assert [name for name, _ in usdm.response.headers] == [name for name, _ in spot.response.headers]
    assert usdm.response.content_type == spot.response.content_type
    assert usdm.response.delivery.__qualname__ == spot.response.delivery.__qualname__
    assert usdm.response.amount == spot.response.amount
    expected = list(values(spot) or ())
    if "lastUpdateId" in expected:
        expected[1:1] = ["E", "T"]
    assert list(values(usdm) or ()) == expected


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("429=3", "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute."),
        ("418=180", f"Way too many requests; IP(127.0.0.1) banned until {NOON_MS + 180_000}."),
        ("418-until=60", f"Way too many requests; IP(127.0.0.1) banned until {NOON_MS + 60_000}."),
        ("503", "Request throttled by system-level protection."),
    ],
)
def test_words(fault: str, text: str) -> None:
    """Errors have the words of futures."""
    [usdm], [spot] = respond(fault, USDM), respond(fault, SPOT)
    assert text in values(usdm)["msg"]
    assert text not in values(spot)["msg"]


def test_redirect() -> None:
    """A redirect keeps the path of the market."""
    [usdm] = respond("redirect", USDM)
    assert usdm.response.headers == (("Location", "http://elsewhere.invalid/fapi/v1/depth"),)


def test_frozen() -> None:
    """A frozen book has the times of the first one, too."""
    first, later = (outcome.response.body for outcome in respond("frozen", USDM, Steps(), requests=2))
    assert first == later
    assert json.loads(later)["T"] == NOON_MS - 3


def test_cached() -> None:
    """A cached response has the times of when it was stored."""
    [outcome] = respond("age=20", USDM)
    assert (values(outcome)["E"], values(outcome)["T"]) == (NOON_MS - 20_001, NOON_MS - 20_003)


def test_surplus() -> None:
    """The surplus response is one of futures: only its book tells that it is not the one requested."""
    surplus = depth_body(7, b'"E":%d,"T":%d,' % (NOON_MS - 1, NOON_MS - 3), render_sides(SURPLUS_BOOK))
    with (
        FakeExchange(["BTCUSDT"], script=["surplus"], clock=lambda: NOON_MS / 1000) as exchange,
        socket.create_connection(("127.0.0.1", exchange.port), timeout=5) as raw,
    ):
        raw.sendall(f"GET {USDM} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: raw.recv(65536), b""))
    assert received.endswith(surplus)
    assert received.count(b"Content-Type: application/json\r\n") == 2
