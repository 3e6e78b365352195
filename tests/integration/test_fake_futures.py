"""The futures side of the fake exchange has the wire format, limits and weights of USD-M futures."""

import http.client
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from infra.fake_exchange import FakeExchange

NOON_MS = 1_795_262_400_000
WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}


class Reply(NamedTuple):
    status: int
    used_weight: int
    body: bytes

    @property
    def values(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    with FakeExchange(("BTCUSDT", "BTCUSDT_261225"), clock=lambda: NOON_MS / 1000) as exchange:
        yield exchange


def get(exchange: FakeExchange, path: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Reply(response.status, int(response.headers["x-mbx-used-weight-1m"] or 0), response.read())
    finally:
        connection.close()


def depth(exchange: FakeExchange, limit: object = 5, symbol: str = "BTCUSDT") -> Reply:
    return get(exchange, f"/fapi/v1/depth?symbol={symbol}&limit={limit}")


def test_body(exchange: FakeExchange) -> None:
    """A body has the times of output and of the engine, then the sides, with the pair's own number of decimals."""
    found = depth(exchange).values
    assert list(found) == ["E", "T", "lastUpdateId", "bids", "asks"]
    assert found["T"] <= found["E"] <= NOON_MS
    assert (len(found["bids"]), len(found["asks"])) == (5, 5)
    assert {len(price.partition(".")[2]) for side in ("bids", "asks") for price, _ in found[side]} == {2}


@pytest.mark.parametrize("limit", WEIGHTS)
def test_limits_and_weights(exchange: FakeExchange, limit: int) -> None:
    """Each of the seven limits brings as many levels, and costs its weight."""
    found = depth(exchange, limit)
    assert (len(found.values["bids"]), found.used_weight) == (limit, WEIGHTS[limit])


@pytest.mark.parametrize("limit", [1, 7, 99, 1001, 5000])
def test_invalid_limit(exchange: FakeExchange, limit: int) -> None:
    """Any other limit is an error of its own."""
    found = depth(exchange, limit)
    assert (found.status, found.values) == (400, {"code": -4021, "msg": f"{limit} is not valid depth limit."})


def test_unknown_symbol(exchange: FakeExchange) -> None:
    """An unknown symbol is what it is on spot."""
    found = depth(exchange, symbol="NOSUCH")
    assert (found.status, found.values) == (400, {"code": -1121, "msg": "Invalid symbol."})


def test_dated_contract(exchange: FakeExchange) -> None:
    """A dated contract is listed on futures only."""
    assert depth(exchange, symbol="BTCUSDT_261225").status == 200
    assert get(exchange, "/api/v3/depth?symbol=BTCUSDT_261225").status == 400


def test_two_markets(exchange: FakeExchange) -> None:
    """The books and the weight of a pair's two markets have nothing to do with each other."""
    futures, spot = depth(exchange), get(exchange, "/api/v3/depth?symbol=BTCUSDT&limit=5")
    assert futures.values["bids"] != spot.values["bids"]
    assert (futures.used_weight, spot.used_weight) == (2, 5)
    assert list(spot.values) == ["lastUpdateId", "bids", "asks"]


def test_weight_limit(exchange: FakeExchange) -> None:
    """2400 of weight are allowed in a minute; spot still answers."""
    assert [depth(exchange, 1000).status for _ in range(121)] == [200] * 120 + [429]
    assert "2400 request weight per 1 MINUTE" in depth(exchange, 1000).values["msg"]
    assert get(exchange, "/api/v3/ping").status == 200


def test_exchange_info(exchange: FakeExchange) -> None:
    """What clients read of a contract: its type, assets and limit."""
    info = get(exchange, "/fapi/v1/exchangeInfo").values
    assert info["rateLimits"][0]["limit"] == 2400
    assert [(one["symbol"], one["contractType"], one["marginAsset"]) for one in info["symbols"]] == [
        ("BTCUSDT", "PERPETUAL", "USDT"),
        ("BTCUSDT_261225", "CURRENT_QUARTER", "USDT"),
    ]
