"""python-binance and ccxt read both markets from the fake exchange, and agree with it and with the program."""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.program import run as run_handler
from support.servers import clean_environment

from deploy.tools import CCXT, PATIENCE_SECONDS, PYTHON_BINANCE, ROOT
from infra.fake_exchange import FakeExchange

NOON_SECONDS = 1_795_262_400
LIMIT = 500
BOOKS = [("spot", "BTCUSDT"), ("spot", "DOGEUSDT"), *(("usdm", s) for s in ("BTCUSDT", "DOGEUSDT", "BTCUSDT_261225"))]
PATHS = {"spot": "/api/v3/depth", "usdm": "/fapi/v1/depth"}
CLIENTS = [(PYTHON_BINANCE, "python_binance_books.py"), (CCXT, "ccxt_books.py")]


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    """Books that do not change, so that all clients read the same ones."""
    symbols = dict.fromkeys(symbol for _, symbol in BOOKS)
    with FakeExchange(symbols, tick_ms=0, clock=lambda: NOON_SECONDS) as exchange:
        yield exchange


def sent_books(exchange: FakeExchange) -> dict[tuple[str, str], Any]:
    """What the exchange has sent of each pair."""
    markets = {path: market for market, path in PATHS.items()}
    return {
        (markets[request.path], str(request.symbol)): json.loads(request.body)
        for request in exchange.requests
        if request.body
    }


def read_books(python: Path, program: str, url: str) -> dict[tuple[str, str], Any]:
    """What a client reads of each pair."""
    books = [f"{market}:{symbol}" for market, symbol in BOOKS]
    command: list[str | Path] = [python, ROOT / "tests/deploy/clients" / program, url, *books, str(LIMIT)]
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(BOOKS, json.loads(done.stdout), strict=True))


def numbers(side: list[list[str]]) -> list[list[float]]:
    return [[float(number) for number in level] for level in side]


@pytest.mark.parametrize(("python", "program"), CLIENTS, ids=["python-binance", "ccxt"])
def test_client_reads_what_is_sent(exchange: FakeExchange, python: Path, program: str) -> None:
    """Every level of both sides, the update ID and the time of the engine are those that the exchange sent."""
    found, sent = read_books(python, program, exchange.url), sent_books(exchange)
    assert list(sent) == BOOKS
    for book, body in sent.items():
        assert len(body["bids"]) == LIMIT
        assert found[book] == {
            "update_id": body["lastUpdateId"],
            "time_ms": body.get("T"),
            "bids": numbers(body["bids"]),
            "asks": numbers(body["asks"]),
        }


@pytest.mark.parametrize("market", PATHS)
@pytest.mark.parametrize(("python", "program"), CLIENTS, ids=["python-binance", "ccxt"])
def test_client_agrees_with_the_program(exchange: FakeExchange, python: Path, program: str, market: str) -> None:
    """The records of the program are those that follow from the books that another client reads."""
    symbols = [symbol for one, symbol in BOOKS if one == market]
    words = ["--symbol", *symbols, "--market", market, "--levels", str(LIMIT), "--count", "1", "--detail"]
    done = run_handler(*words, "--base-url", exchange.url)
    assert done.returncode == 0, done.stderr
    records = {record["symbol"]: record for record in map(json.loads, done.stdout.splitlines())}
    books = read_books(python, program, exchange.url)
    assert list(records) == symbols
    for symbol, record in records.items():
        book = books[market, symbol]
        bid, ask = (sum(price * quantity for price, quantity in book[side]) for side in ("bids", "asks"))
        assert (record["notional_bid"], record["notional_ask"]) == pytest.approx((bid, ask), abs=1e-5)
        assert record["obi"] == pytest.approx((bid - ask) / (bid + ask), abs=1e-6)
        assert [record["best_bid"], record["best_bid_quantity"]] == book["bids"][0]
        assert [record["best_ask"], record["best_ask_quantity"]] == book["asks"][0]
        assert record["last_update_id"] == book["update_id"]
        assert milliseconds(record["exchange_time"]) == book["time_ms"]


def milliseconds(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)
