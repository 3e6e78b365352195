"""The fake exchange has the real one's API and limits, and the faults of its script."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from support.program import ROOT, environment

from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import FakeBook
from infra.fake_exchange.faults import FAULTS

BOOK = FakeBook(
    bids=[("99.00000000", "2.00000000"), ("98.00000000", "1.00000000")], asks=[("101.00000000", "3.00000000")]
)
NOON_MS = 1_795_262_400_000


@dataclass
class Clock:
    """A clock that stands still until it is set; noon UTC, so a minute has just begun."""

    seconds: float = NOON_MS / 1000

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One kept-alive connection to an exchange."""

    def __init__(self, exchange: FakeExchange, timeout_seconds: float = 5) -> None:
        self.exchange = exchange
        self.connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=timeout_seconds)

    def get(self, target: str, method: str = "GET", **headers: str) -> Reply:
        self.connection.request(method, target, headers=headers)
        response = self.connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    def depth(self, symbol: str = "BTCUSDT", limit: int = 5) -> Reply:
        return self.get(f"/api/v3/depth?symbol={quote(symbol)}&limit={limit}")


Serve = Callable[..., Client]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(clock: Clock) -> Iterator[Serve]:
    """Start an exchange with these options and connect to it, with this timeout."""
    clients: list[Client] = []

    def start(*symbols: str, timeout_seconds: float = 5, **options: Any) -> Client:
        exchange = FakeExchange(symbols, **{"clock": clock, **options})
        exchange.start()
        clients.append(Client(exchange, timeout_seconds))
        return clients[-1]

    yield start
    for client in clients:
        client.connection.close()
        client.exchange.stop()


@pytest.fixture
def client(serve: Serve) -> Client:
    return serve("BTCUSDT", "ETHUSDT", "这是测试币456")


@pytest.fixture
def exchange(client: Client) -> FakeExchange:
    return client.exchange


@pytest.fixture
def faulty(serve: Serve) -> Serve:
    """Start an exchange with the one book BOOK and this script."""
    return lambda *script, **options: serve(books={"BTCUSDT": BOOK}, script=script, **options)


def test_a_depth_response_has_the_format_of_the_exchange(client: Client) -> None:
    reply = client.depth(limit=20)
    body = reply.json()
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json;charset=UTF-8")
    assert reply.headers["Date"] == "Sat, 21 Nov 2026 12:00:00 GMT"
    assert list(body) == ["lastUpdateId", "bids", "asks"]
    assert reply.body == json.dumps(body, separators=(",", ":")).encode()
    levels = body["bids"] + body["asks"]
    assert len(levels) == 40
    assert all(len(number.partition(".")[2]) == 8 for level in levels for number in level)


def test_bids_descend_and_asks_ascend_and_they_do_not_meet(client: Client) -> None:
    body = client.depth(limit=5000).json()
    bids, asks = ([float(price) for price, _ in body[side]] for side in ("bids", "asks"))
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert 0 < bids[-1] < bids[0] < asks[0]
    assert all(float(quantity) > 0 for _, quantity in body["bids"] + body["asks"])


def test_books_are_the_same_for_a_seed_and_others_for_another(serve: Serve) -> None:
    def books(seed: int) -> list[bytes]:
        client = serve("BTCUSDT", "XYZUSDT", seed=seed, tick_ms=0)
        return [client.depth(symbol, 100).body for symbol in ("BTCUSDT", "XYZUSDT")]

    assert books(7) == books(7)
    assert not set(books(7)) & set(books(8))


def test_the_book_changes_with_every_tick_and_its_id_grows(client: Client, clock: Clock) -> None:
    first, same = client.depth().json(), client.depth().json()
    clock.seconds += 0.1
    later = client.depth().json()
    assert first == same
    assert later["lastUpdateId"] > first["lastUpdateId"]
    assert later["bids"] != first["bids"]


@pytest.mark.parametrize(("limit", "levels", "weight"), [(1, 1, 5), (100, 100, 5), (101, 101, 25), (500, 500, 25)])
def test_the_limit_decides_on_levels_and_weight(client: Client, limit: int, levels: int, weight: int) -> None:
    reply = client.depth(limit=limit)
    assert len(reply.json()["bids"]) == len(reply.json()["asks"]) == levels
    assert reply.headers["x-mbx-used-weight"] == reply.headers["x-mbx-used-weight-1m"] == str(weight)


def test_limits_above_the_maximum_are_clamped_to_it(client: Client) -> None:
    reply = client.depth(limit=10_000)
    assert len(reply.json()["bids"]) == 5000
    assert reply.headers["x-mbx-used-weight"] == "250"
    assert client.depth(limit=1000).headers["x-mbx-used-weight"] == "300"


def test_the_default_limit_is_100(client: Client) -> None:
    assert len(client.get("/api/v3/depth?symbol=ETHUSDT").json()["bids"]) == 100


def test_symbols_in_other_scripts_are_percent_encoded_utf_8(client: Client) -> None:
    reply = client.depth("这是测试币456")
    assert (reply.status, len(reply.json()["bids"])) == (200, 5)


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("limit=5", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ("symbol=BTCUSDT&limit=0", -1102, "Mandatory parameter 'limit' was not sent, was empty/null, or malformed."),
        ("symbol=BTCUSDT&limit=-5", -1100, "parameter 'limit'; legal range is '^[0-9]{1,20}$'."),
        ("symbol=BTCUSDT&limit=five", -1100, "Illegal characters found in parameter 'limit'"),
        ("symbol=btcusdt", -1100, r"parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'."),
        ("symbol=BTC%2FUSDT", -1100, "Illegal characters found in parameter 'symbol'"),
        ("symbol=", -1105, "Parameter 'symbol' was empty."),
        ("symbol=NOSUCHPAIR", -1121, "Invalid symbol."),
        ("symbol=BTCUSDT&depth=5", -1104, "read '1' parameter(s) but was sent '2'"),
        ("symbol=BTCUSDT&symbol=ETHUSDT", -1101, "Duplicate values for a parameter detected."),
        ("symbol=BTCUSDT&symbolStatus=OPEN", -1122, "Invalid symbolStatus."),
    ],
)
def test_invalid_requests_get_the_error_of_the_exchange(client: Client, query: str, code: int, text: str) -> None:
    reply = client.get(f"/api/v3/depth?{query}")
    assert (reply.status, reply.json()["code"]) == (400, code)
    assert text in reply.json()["msg"]


def test_unknown_paths_are_404_and_other_methods_405_and_the_connection_is_kept(
    exchange: FakeExchange, client: Client
) -> None:
    client.connection.request("POST", "/api/v3/depth?symbol=BTCUSDT", body=b"ignored")
    response = client.connection.getresponse()
    response.read()
    assert response.status == 405
    assert client.get("/api/v3/nothing").status == 404
    assert client.depth().status == 200
    assert {request.connection for request in exchange.requests} == {1}


def test_ping_is_empty_and_time_is_the_servers_clock(client: Client) -> None:
    assert client.get("/api/v3/ping").json() == {}
    assert client.get("/api/v3/time").json() == {"serverTime": NOON_MS}


def test_prices_and_quantities_fit_the_filters_of_exchange_info(client: Client) -> None:
    info = client.get("/api/v3/exchangeInfo").json()
    assert [entry["symbol"] for entry in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "这是测试币456"]
    for entry in info["symbols"]:
        filters = {rule["filterType"]: rule for rule in entry["filters"]}
        steps = [_units(filters["PRICE_FILTER"]["tickSize"]), _units(filters["LOT_SIZE"]["stepSize"])]
        body = client.depth(entry["symbol"], 50).json()
        for level in body["bids"] + body["asks"]:
            assert [_units(number) % step for number, step in zip(level, steps, strict=True)] == [0, 0]


def _units(number: str) -> int:
    return int(number.replace(".", ""))


def test_too_much_weight_is_429_until_the_clock_minute_is_over(client: Client, clock: Clock) -> None:
    clock.seconds += 12.5
    assert [client.depth(limit=5000).status for _ in range(24)] == [200] * 24
    rejected = client.depth()
    assert (rejected.status, rejected.headers["Retry-After"], rejected.json()["code"]) == (429, "48", -1003)
    assert "current limit is 6000 request weight per 1 MINUTE" in rejected.json()["msg"]
    clock.seconds += 47.5
    accepted = client.depth()
    assert (accepted.status, accepted.headers["x-mbx-used-weight"]) == (200, "5")


def test_requests_after_429_lead_to_a_ban_and_then_to_a_longer_one(serve: Serve, clock: Clock) -> None:
    client = serve("BTCUSDT", weight_limit=5)
    assert [client.depth().status for _ in range(12)] == [200] + [429] * 10 + [418]
    clock.seconds += 20
    banned = client.get("/api/v3/ping")
    assert (banned.status, banned.headers["Retry-After"]) == (418, "100")
    assert f"IP banned until {NOON_MS + 120_000}." in banned.json()["msg"]
    clock.seconds += 100
    assert [client.depth().status for _ in range(12)] == [200] + [429] * 10 + [418]
    assert client.depth().headers["Retry-After"] == "240"


def test_without_a_weight_limit_nothing_is_rejected(serve: Serve) -> None:
    client = serve("BTCUSDT", weight_limit=0)
    assert {client.depth(limit=5000).status for _ in range(30)} == {200}


def test_requests_are_logged_with_their_responses(exchange: FakeExchange, client: Client) -> None:
    reply = client.get("/api/v3/depth?symbol=BTCUSDT&limit=7", **{"X-Who": "me"})
    [request] = exchange.requests
    assert (request.method, request.path, request.symbol, request.limit) == ("GET", "/api/v3/depth", "BTCUSDT", 7)
    assert (request.status, request.fault, request.body) == (200, "ok", reply.body)
    assert (request.host, request.headers["x-who"]) == (f"127.0.0.1:{exchange.port}", "me")
    assert request.wall_seconds == NOON_MS / 1000


def test_a_fixed_book_is_sent_unchanged(client: Client, exchange: FakeExchange) -> None:
    exchange.list_book("BTCUSDT", BOOK)
    assert client.depth(limit=1).body == (
        b'{"lastUpdateId":1,"bids":[["99.00000000","2.00000000"]],"asks":[["101.00000000","3.00000000"]]}'
    )


def test_a_delisted_pair_is_an_invalid_symbol_from_then_on(exchange: FakeExchange, client: Client) -> None:
    assert client.depth().status == 200
    exchange.delist("BTCUSDT")
    assert client.depth().json() == {"code": -1121, "msg": "Invalid symbol."}
    assert client.depth("ETHUSDT").status == 200


@pytest.mark.parametrize(
    ("fault", "status", "header", "text"),
    [
        ("html", 200, ("Content-Type", "text/html"), "<!DOCTYPE html>"),
        ("html400", 400, ("X-Cache", "Error from cloudfront"), "Bad request."),
        ("html403", 403, ("X-Cache", "Error from cloudfront"), "Request blocked."),
        ("429", 429, ("Retry-After", None), "-1003"),
        ("429=3", 429, ("Retry-After", "3"), "-1003"),
        ("418", 418, ("Retry-After", None), "-1003"),
        ("418=180", 418, ("Retry-After", "180"), f"IP banned until {NOON_MS + 180_000}."),
        ("418-until=60", 418, ("Retry-After", None), f"IP banned until {NOON_MS + 60_000}."),
        ("451", 451, ("Content-Type", "application/json"), '{\n  "code": 0,\n'),
        ("500", 500, ("Content-Type", "application/json;charset=UTF-8"), '"code":-1001'),
        ("502", 502, ("Content-Type", "text/html"), "<center>nginx</center>"),
        ("503", 503, ("Content-Type", "application/json;charset=UTF-8"), '"code":-1008'),
        ("503-no-code", 503, ("Content-Type", "application/json;charset=UTF-8"), '{"message":'),
        ("504", 504, ("Content-Length", "0"), ""),
        ("redirect", 302, ("Location", "http://elsewhere.invalid/api/v3/depth"), ""),
        ("delisted", 400, ("Content-Type", "application/json;charset=UTF-8"), "-1121"),
    ],
)
def test_a_scripted_response_is_sent_once_and_then_the_book_again(
    faulty: Serve, fault: str, status: int, header: tuple[str, str | None], text: str
) -> None:
    client = faulty(fault)
    reply = client.depth()
    assert (reply.status, reply.headers[header[0]]) == (status, header[1])
    assert text in reply.body.decode()
    assert client.depth().json()["bids"][0] == ["99.00000000", "2.00000000"]


BID, BID2, ASK = ["99.00000000", "2.00000000"], ["98.00000000", "1.00000000"], ["101.00000000", "3.00000000"]


@pytest.mark.parametrize(
    ("fault", "bids", "asks"),
    [
        ("empty", [], []),
        ("bids-only", [BID, BID2], []),
        ("asks-only", [], [ASK]),
        ("short=1", [BID], [ASK]),
        ("crossed", [["101.00000000", BID[1]], BID2], [["99.00000000", ASK[1]]]),
        ("three-elements", [[*BID, []], [*BID2, []]], [[*ASK, []]]),
    ],
)
def test_odd_books_are_well_formed(faulty: Serve, fault: str, bids: list[Any], asks: list[Any]) -> None:
    assert faulty(fault).depth().json() == {"lastUpdateId": 1, "bids": bids, "asks": asks}


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("json-list", b"[]"),
        ("json-null", b"null"),
        ("json-no-side", b'{"lastUpdateId":1,"bids":[["1.00000000","1.00000000"]]}'),
        ("json-no-pair", b'{"lastUpdateId":1,"bids":[7],"asks":[]}'),
        ("json-nan", b'{"lastUpdateId":1,"bids":[[NaN,"1"]],"asks":[["1.00000000","1.00000000"]]}'),
        ("json-cut", b'{"lastUpdateId":1,"bids":[["99.00000000","2.00000000"],["98.00'),
    ],
)
def test_json_that_is_not_a_book_is_a_whole_response(faulty: Serve, fault: str, body: bytes) -> None:
    reply = faulty(fault).depth()
    assert (reply.status, reply.body) == (200, body)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refused", ConnectionResetError),
        ("reset", ConnectionResetError),
        ("cut", http.client.IncompleteRead),
        ("hang", TimeoutError),
        ("slow=60", TimeoutError),
        ("trickle=60", TimeoutError),
        ("trickle-body=60", TimeoutError),
    ],
)
def test_a_broken_connection_raises_its_error_and_a_new_one_works(
    faulty: Serve, fault: str, error: type[Exception]
) -> None:
    client = faulty(fault, timeout_seconds=0.3 if error is TimeoutError else 5)
    with pytest.raises(error):
        client.depth()
    client.connection.close()
    client.connection.timeout = 5
    assert client.depth().status == 200


def test_a_trickled_response_is_complete_and_its_head_may_come_at_once(faulty: Serve) -> None:
    client = faulty("trickle=0", "trickle-body=0", "trickle-body=60")
    assert [client.depth().json()["bids"][0] for _ in range(2)] == [BID, BID]
    client.connection.request("GET", "/api/v3/depth?symbol=BTCUSDT")
    assert client.connection.getresponse().status == 200


def test_close_idle_closes_a_connection_that_was_to_be_kept_alive(faulty: Serve) -> None:
    client = faulty("close-idle")
    assert client.depth().headers["Connection"] == "keep-alive"
    assert client.connection.sock.recv(1) == b""


def test_close_reuse_fails_the_next_request_of_the_connection_and_uses_up_no_entry(
    faulty: Serve,
) -> None:
    client = faulty("close-reuse", "503")
    assert client.depth().status == 200
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.depth()
    client.connection.close()
    assert client.depth().status == 503


def test_a_huge_body_has_the_requested_size(faulty: Serve) -> None:
    reply = faulty("huge=2").depth()
    assert reply.headers["Content-Length"] is None
    assert 1.9 < len(reply.body) / 2**20 < 2.1
    assert len(reply.json()["bids"]) > 70_000


def test_every_fault_has_a_test() -> None:
    files = ("test_fake_exchange.py", "test_fake_exchange_headers.py")
    text = "".join((ROOT / "tests/integration" / name).read_text(encoding="utf-8") for name in files)
    assert [name for name in FAULTS if f'"{name}' not in text] == []


def test_a_script_repeats_entries_and_a_pair_can_have_its_own(exchange: FakeExchange, client: Client) -> None:
    exchange.script(["503*2", "ok", "504*"])
    exchange.script(["502"], symbol="ETHUSDT")
    assert client.depth("ETHUSDT").status == 502
    assert [client.depth().status for _ in range(3)] == [503, 503, 200]
    assert [client.depth(symbol).status for symbol in ("ETHUSDT", "BTCUSDT", "BTCUSDT")] == [504, 504, 504]


def test_only_requests_for_a_listed_book_use_up_a_script(exchange: FakeExchange, client: Client) -> None:
    exchange.script(["503"])
    statuses = [client.get("/api/v3/ping").status, client.depth("NOSUCHPAIR").status, client.depth().status]
    assert statuses == [200, 400, 503]


def test_random_faults_depend_on_the_seed_and_have_the_requested_rate(serve: Serve) -> None:
    def draw(seed: int) -> list[str]:
        faults = ["429=1", "502", "503"]
        client = serve("BTCUSDT", fault_rate=0.3, fault_seed=seed, faults=faults, weight_limit=0)
        for _ in range(200):
            client.depth()
        return [request.fault for request in client.exchange.requests]

    first = draw(1)
    assert first == draw(1) != draw(2)
    assert 30 < sum(name != "ok" for name in first) < 90
    assert set(first) == {"ok", "429", "502", "503"}


@pytest.mark.parametrize("entry", ["nosuch", "429=soon", "429=-1", "=3", "", "429=nan"])
def test_an_invalid_script_is_rejected(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        FakeExchange(script=[entry])


def _start(*flags: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "infra.fake_exchange", *flags]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=pipe, stdout=pipe, text=True)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_program_says_that_its_books_are_synthetic_and_a_signal_ends_it(stop: signal.Signals) -> None:
    with _start("--symbols", "BTCUSDT", "--script", "BTCUSDT:hang*") as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
        port = int(lines[1].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as hanging:
            hanging.sendall(b"GET /api/v3/depth?symbol=BTCUSDT HTTP/1.1\r\nHost: x\r\n\r\n")
            process.send_signal(stop)
            out, err = process.communicate(timeout=10)
    assert "synthetic" in lines[0]
    assert lines[1] == f"listening on http://127.0.0.1:{port}\n"
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--port", "http"], "'http' is not a whole number from 0 to 65535"),
        (["--symbols", "btcusdt"], "'btcusdt' is not"),
        (["--script", "nosuch"], "no fault 'nosuch'"),
        (["--fault-rate", "2"], "probability"),
        (["--latency-ms", "-1"], "'-1' is not a number from 0 up"),
    ],
)
def test_a_bad_flag_is_one_sentence_and_exit_2(flags: list[str], text: str) -> None:
    with _start(*flags) as process:
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert text in err


def test_a_port_in_use_is_one_sentence_and_exit_1(exchange: FakeExchange) -> None:
    with _start("--port", str(exchange.port), "--symbols", "BTCUSDT") as process:
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err.count("\n")) == (1, 1)
    assert f"port {exchange.port} of 127.0.0.1 cannot be used" in err
