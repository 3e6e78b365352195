"""The futures side of the fake exchange has the wire format, limits, weights and messages of USD-M futures."""

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import FakeBook

NOON_MS = 1_795_262_400_000
SYMBOLS = ("BTCUSDT", "DOGEUSDT", "BTCUSDT_261225")
WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
BODY = re.compile(rb'\{"lastUpdateId":\d+,"E":(\d+),"T":(\d+),"bids":\[.*\],"asks":\[.*\]\}')
"""As recorded: `{"lastUpdateId":1027024,"E":1589436922972,"T":1589436922959,"bids":[["4.00","431.000"]],"asks":…}`."""
RECORDED = [
    *("Content-Type", "Content-Length", "Connection", "Date", "Server", "Vary", "X-MBX-USED-WEIGHT-1M"),
    *("x-response-time", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods"),
    *("Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Content-Security-Policy", "cache-control"),
    *("expires", "pragma", "strict-transport-security", "x-content-type-options", "x-frame-options"),
    *("x-xss-protection", "X-Cache", "Via", "X-Amz-Cf-Pop", "X-Amz-Cf-Id"),
]
"""The header fields of a recorded response, in their order."""


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def values(self) -> Any:
        return json.loads(self.body)

    @property
    def used_weight(self) -> int:
        return int(self.headers["x-mbx-used-weight-1m"])


class Clock:
    """A clock that stands still until it is set; noon UTC, so a minute has just begun."""

    seconds = NOON_MS / 1000

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def exchange(clock: Clock) -> Iterator[FakeExchange]:
    with FakeExchange(SYMBOLS, clock=clock) as exchange:
        yield exchange


def get(exchange: FakeExchange, path: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def depth(exchange: FakeExchange, limit: object = 5, symbol: str = "BTCUSDT") -> Reply:
    return get(exchange, f"/fapi/v1/depth?symbol={symbol}&limit={limit}")


def decimals(values: Any, element: int) -> set[int]:
    return {len(level[element].partition(".")[2]) for level in values["bids"] + values["asks"]}


def test_head(exchange: FakeExchange) -> None:
    """A response has the header fields of the real one, in their order."""
    headers = depth(exchange).headers
    assert list(headers) == RECORDED
    assert (headers["Content-Type"], headers["Server"]) == ("application/json", "Tengine")


def test_body(exchange: FakeExchange) -> None:
    """A body has its fields in the recorded order: the update ID, the times of output and of the engine, the sides."""
    body = depth(exchange).body
    match = BODY.fullmatch(body)
    assert match
    assert NOON_MS - 1000 < int(match[2]) <= int(match[1]) <= NOON_MS
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_decimals(exchange: FakeExchange, symbol: str) -> None:
    """Prices and quantities have the pair's own number of decimals, without a point where there are none."""
    values = depth(exchange, 1000, symbol).values
    [info] = [one for one in get(exchange, "/fapi/v1/exchangeInfo").values["symbols"] if one["symbol"] == symbol]
    assert decimals(values, 0) == {info["pricePrecision"]}
    assert decimals(values, 1) == {info["quantityPrecision"]}
    assert not [text for level in values["bids"] + values["asks"] for text in level if text.endswith(".")]


def test_whole_quantities(exchange: FakeExchange) -> None:
    """Of a cheap asset there are whole numbers only."""
    assert decimals(depth(exchange, 5, "DOGEUSDT").values, 1) == {0}


@pytest.mark.parametrize("limit", WEIGHTS)
def test_limits_and_weights(exchange: FakeExchange, limit: int) -> None:
    """Each of the seven limits brings as many levels of either side, and costs its weight."""
    found = depth(exchange, limit)
    assert (len(found.values["bids"]), len(found.values["asks"])) == (limit, limit)
    assert found.used_weight == WEIGHTS[limit]


def test_default_limit(exchange: FakeExchange) -> None:
    """Without a limit 500 levels come, at the weight of 500."""
    found = get(exchange, "/fapi/v1/depth?symbol=BTCUSDT")
    assert (len(found.values["bids"]), found.used_weight) == (500, 10)


@pytest.mark.parametrize("limit", [0, 1, 7, 99, 1001, 5000])
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
    assert "261225" not in get(exchange, "/api/v3/exchangeInfo").body.decode()


@pytest.mark.parametrize("symbol", ["A_B", "AUSDT_269999"])
def test_symbol_that_only_looks_dated(symbol: str) -> None:
    """Without a date a symbol is a pair like others: on both markets, and perpetual."""
    with FakeExchange([symbol]) as exchange:
        [info] = get(exchange, "/fapi/v1/exchangeInfo").values["symbols"]
        assert (info["pair"], info["contractType"]) == (symbol, "PERPETUAL")
        assert [depth(exchange, 5, symbol).status, get(exchange, f"/api/v3/depth?symbol={symbol}").status] == [200, 200]


def test_two_markets(exchange: FakeExchange) -> None:
    """Books and weight of a pair's two markets are two, and prices of futures are above those of spot."""
    futures, spot = depth(exchange), get(exchange, "/api/v3/depth?symbol=BTCUSDT&limit=5")
    premium_bps = (float(futures.values["bids"][0][0]) / float(spot.values["bids"][0][0]) - 1) * 10_000
    assert 1 < premium_bps < 20
    assert (futures.used_weight, spot.used_weight) == (2, 5)
    assert list(spot.values) == ["lastUpdateId", "bids", "asks"]


def test_ping_and_time(exchange: FakeExchange) -> None:
    """Ping is empty, and time is the server's clock."""
    assert get(exchange, "/fapi/v1/ping").values == {}
    assert get(exchange, "/fapi/v1/time").values == {"serverTime": NOON_MS}


def test_unknown_path(exchange: FakeExchange) -> None:
    """An unknown path counts against the market that it is under."""
    assert get(exchange, "/fapi/v1/nothing").status == 404
    assert (depth(exchange).used_weight, get(exchange, "/api/v3/ping").used_weight) == (3, 1)


def test_weight_limit(exchange: FakeExchange, clock: Clock) -> None:
    """2400 of weight are allowed in a minute; spot still answers."""
    clock.seconds += 12.5
    assert [depth(exchange, 1000).status for _ in range(121)] == [200] * 120 + [429]
    rejected = depth(exchange, 1000)
    assert (rejected.headers["Retry-After"], rejected.values) == (
        "48",
        {
            "code": -1003,
            "msg": "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute. "
            "Please use the websocket for live updates to avoid polling the API.",
        },
    )
    assert get(exchange, "/api/v3/ping").status == 200


def test_ban() -> None:
    """Requests after 429 lead to a ban of this market, and not of spot."""
    with FakeExchange(["BTCUSDT"], weight_limit=2, clock=Clock()) as exchange:
        assert [depth(exchange).status for _ in range(12)] == [200] + [429] * 10 + [418]
        banned = depth(exchange)
        assert banned.headers["Retry-After"] == "120"
        assert f"IP(127.0.0.1) banned until {NOON_MS + 120_000}." in banned.values["msg"]
        assert get(exchange, "/api/v3/ping").status == 200


def test_exchange_info(exchange: FakeExchange) -> None:
    """What clients read of a contract: its type, assets, date and steps; nothing of spot's."""
    info = get(exchange, "/fapi/v1/exchangeInfo").values
    assert (info["futuresType"], info["rateLimits"][0]["limit"]) == ("U_MARGINED", 2400)
    found = {one["symbol"]: one for one in info["symbols"]}
    assert list(found) == list(SYMBOLS)
    perpetual, dated = found["BTCUSDT"], found["BTCUSDT_261225"]
    assert (perpetual["contractType"], perpetual["deliveryDate"]) == ("PERPETUAL", 4_133_404_800_000)
    assert (dated["contractType"], dated["deliveryDate"]) == ("CURRENT_QUARTER", 1_798_185_600_000)
    assert (dated["pair"], dated["baseAsset"], dated["marginAsset"]) == ("BTCUSDT", "BTC", "USDT")
    assert [rule["filterType"] for rule in dated["filters"]] == ["PRICE_FILTER", "LOT_SIZE", "MIN_NOTIONAL"]
    assert dated["filters"][0]["tickSize"] == "0.01"
    assert not {"isSpotTradingAllowed", "permissionSets"} & dated.keys()


def test_fixed_book(exchange: FakeExchange) -> None:
    """A fixed book is sent as it is, with the times of a futures response."""
    exchange.list_book("BTCUSDT", FakeBook([("57618", "0.01731")], [("57618.1", "3")], 7))
    assert depth(exchange).body == (
        b'{"lastUpdateId":7,"E":%d,"T":%d,"bids":[["57618","0.01731"]],"asks":[["57618.1","3"]]}'
        % (NOON_MS - 1, NOON_MS - 3)
    )
