"""The fake exchange has the real one's API and limits on both markets, and the faults of its script."""

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.fake_exchange import FakeBook, FakeExchange
from infra.fake_exchange.faults import FAULTS

ROOT = Path(__file__).parents[2]
NOON = 1_795_262_400.0
PATHS = {"spot": "/api/v3/depth", "usdm": "/fapi/v1/depth"}
BOOK = FakeBook([("99.0", "2.0"), ("98.0", "1.0"), ("97.0", "1.0")], [("101.0", "3.0")], 5000)
HEADERS = {
    "spot": {"Content-Encoding", "Via", "x-mbx-used-weight", "x-mbx-used-weight-1m", "X-Frame-Options"},
    "usdm": {"Content-Encoding", "Via", "X-MBX-USED-WEIGHT-1M", "x-response-time", "Vary"},
}


def get(exchange: FakeExchange, market: str, query: str = "limit=5", timeout: float = 20) -> requests.Response:
    url = f"{exchange.url}{PATHS[market]}?{query if 'symbol' in query else f'symbol=BTCUSDT&{query}'}"
    with requests.Session() as session:
        return session.get(url, timeout=timeout, allow_redirects=False)


@pytest.mark.parametrize("market", PATHS)
def test_a_response_looks_like_the_real_one(market: str) -> None:
    with FakeExchange(clock=lambda: NOON) as exchange:
        response, again = get(exchange, market, "limit=100"), get(exchange, market, "limit=100")
    body = response.json()
    assert set(response.headers) >= HEADERS[market]
    assert 24 <= len(response.headers) <= 26
    assert response.headers["Date"] == "Sat, 21 Nov 2026 12:00:00 GMT"
    assert list(body) == ["lastUpdateId", *(["E", "T"] if market == "usdm" else []), "bids", "asks"]
    prices = {side: [float(price) for price, _ in body[side]] for side in ("bids", "asks")}
    assert prices["bids"] == sorted(set(prices["bids"]), reverse=True)
    assert prices["asks"] == sorted(set(prices["asks"]))
    assert 0 < prices["bids"][0] < prices["asks"][0]
    assert again.content == response.content


@pytest.mark.parametrize(
    ("market", "limit", "levels", "weight"),
    [
        *(("spot", limit, limit, weight) for limit, weight in ((100, 5), (101, 25), (1000, 50))),
        ("spot", 5001, 5000, 250),
        *(("usdm", limit, limit, weight) for limit, weight in ((50, 2), (100, 5), (1000, 20))),
    ],
)
def test_the_limit_decides_on_levels_and_weight(market: str, limit: int, levels: int, weight: int) -> None:
    with FakeExchange() as exchange:
        response = get(exchange, market, f"limit={limit}")
    assert [len(response.json()[side]) for side in ("bids", "asks")] == [levels, levels]
    assert response.headers["x-mbx-used-weight-1m"] == str(weight)


@pytest.mark.parametrize(
    ("market", "query", "code"),
    [
        *((market, "symbol=NOSUCH", -1121) for market in PATHS),
        *(("spot", "limit=-5", -1100), ("spot", "limit=0", -1102), ("spot", "limit=5&depth=5", -1104)),
        ("usdm", "limit=7", -4021),
    ],
)
def test_an_invalid_request_gets_the_error_of_the_exchange(market: str, query: str, code: int) -> None:
    with FakeExchange() as exchange:
        response = get(exchange, market, query)
    assert (response.status_code, response.json()["code"]) == (400, code)


@pytest.mark.parametrize("market", PATHS)
def test_too_much_weight_in_a_clock_minute_is_a_429(market: str) -> None:
    seconds = [NOON + 20.5]
    with FakeExchange(books={"BTCUSDT": BOOK}, clock=lambda: seconds[0]) as exchange:
        statuses = {get(exchange, market, "limit=1000").status_code for _ in range(120)}
        rejected = get(exchange, market)
        seconds[0] += 40
        assert (statuses, rejected.status_code, get(exchange, market).status_code) == ({200}, 429, 200)
    assert (rejected.headers["Retry-After"], rejected.json()["code"]) == ("40", -1003)


BROKEN = "no response"
ANSWERS: dict[str, Any] = (
    dict.fromkeys(("refused", "reset", "hang", "slow=5", "trickle", "trickle-body", "cut", "close"), BROKEN)
    | dict.fromkeys(("interim", "interim-late"), 103)  # to a client that takes the first status for the last
    | dict.fromkeys(("429=3", "429-date", "429-epoch"), 429)
    | {"418=3": 418, "418-until": 418, "200-until": 200, "451": 451, "redirect": 302, "html403": 403, "504": 504}
    | dict.fromkeys(("400-until", "delisted", "html400"), 400)
    | {"huge=1": 200, "500": 500, "500-late": 500, "502": 502, "503": 503, "503-no-code": 503}
)


@pytest.mark.parametrize("market", PATHS)
def test_each_fault_does_what_it_says_and_is_logged(market: str) -> None:
    bodies = {}
    with FakeExchange((), books={"BTCUSDT": BOOK}, clock=lambda: NOON, weight_limit=0) as exchange:
        right = get(exchange, market).content
        for name in FAULTS:
            entry = next((entry for entry in ANSWERS if entry.partition("=")[0] == name), name)
            exchange.script([entry])
            try:
                response = get(exchange, market, timeout=0.2 if ANSWERS.get(entry) == BROKEN else 20)
            except requests.RequestException:
                assert ANSWERS[entry] == BROKEN, name
            else:
                assert response.status_code == ANSWERS.get(entry, 200), name
                bodies[name] = response.content
            assert exchange.requests[-1].fault == name
    same = {name for name, body in bodies.items() if body == right}
    surplus = {"surplus", "surplus-bytes", "surplus-late"}
    assert same == surplus | {"age", "hang-reuse", "close-idle", "close-reuse"}
    assert json.loads(bodies["crossed"])["bids"][0] == ["101.0", "2.0"]


def test_a_late_answer_meets_the_next_request_on_its_connection() -> None:
    with FakeExchange((), books={"BTCUSDT": BOOK}, script=["500-late=0.05", "slow=0.2"], gzip=False) as exchange:
        connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=5)
        for _ in range(2):
            connection.request("GET", f"{PATHS['spot']}?symbol=BTCUSDT")
            body = connection.getresponse().read()
        assert json.loads(body)["lastUpdateId"] == 7
        connection.close()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, None])
def test_around_a_command_it_passes_its_url_on_and_ends_with_it(end: signal.Signals | None) -> None:
    program = (
        "import os, signal, sys, time, urllib.request as request\n"
        "for name in (signal.SIGINT, signal.SIGTERM): signal.signal(name, lambda *_: sys.exit(7))\n"
        f"url = os.environ['OBI_BASE_URL'] + '{PATHS['usdm']}?symbol=BTCUSDT&limit=5'\n"
        "print(request.urlopen(url).status, 'OBI_TABLE' in os.environ, flush=True)\n"
        f"time.sleep({30 if end else 0})\nsys.exit(3)"
    )
    command = [sys.executable, "-m", "infra.fake_exchange", "--run", sys.executable, "-c", program]
    environment = os.environ | {"OBI_TABLE": "records"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "200 False\n"
        if end == signal.SIGINT:
            os.killpg(process.pid, end)  # as a terminal does
        elif end:
            process.send_signal(end)
        assert process.wait(30) == (7 if end else 3)
