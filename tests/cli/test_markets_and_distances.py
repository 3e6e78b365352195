"""Futures and distances as a user samples them: `--market usdm`, `--bps`, `--limit`, in a process of its own."""

import json
from typing import Any

import pytest
from support.fakes import StartExchange
from support.program import run

from infra.fake_exchange import FakeExchange

FUTURES = ("--market", "usdm", "--count", "1")
ONCE = ("--count", "1")
SIX = ["timestamp", "symbol", "obi", "notional_bid", "notional_ask", "levels"]


@pytest.fixture
def exchange(start_exchange: StartExchange) -> FakeExchange:
    return start_exchange(symbols=("BTCUSDT", "ETHUSDT", "BTCUSDT_261225"), books={})


def sample(exchange: FakeExchange, *flags: str) -> list[dict[str, Any]]:
    done = run("--base-url", exchange.url, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_futures(exchange: FakeExchange) -> None:
    """A record of futures names its market, and with detail the time of the engine."""
    [plain] = sample(exchange, "--symbol", "BTC", *FUTURES)
    assert (list(plain), plain["market"]) == ([*SIX, "market"], "usdm")
    [detailed] = sample(exchange, "--symbol", "BTC", "--detail", *FUTURES)
    assert detailed["exchange_time"] <= detailed["received_at"]
    assert json.loads(exchange.requests[-1].body)["bids"][0][0] == f"{detailed['best_bid']:.2f}"


def test_spot_and_futures_are_two_books(exchange: FakeExchange) -> None:
    """The same pair has another book on the other market."""
    [spot], [futures] = sample(exchange, "--symbol", "BTC", *ONCE), sample(exchange, "--symbol", "BTC", *FUTURES)
    assert spot["notional_bid"] != futures["notional_bid"]


def test_dated_contract(exchange: FakeExchange) -> None:
    """A dated contract is taken as it is written, in any case."""
    found = sample(exchange, "--symbol", "btcusdt_261225", "ETH", *FUTURES)
    assert [record["symbol"] for record in found] == ["BTCUSDT_261225", "ETHUSDT"]


@pytest.mark.parametrize(
    ("levels", "limit"), [("1", 5), ("5", 5), ("7", 10), ("51", 100), ("101", 500), ("999", 1000), ("7,200", 500)]
)
def test_any_number_of_levels(exchange: FakeExchange, levels: str, limit: int) -> None:
    """One request with the next valid limit brings any levels of futures, and the top of it is measured."""
    found = sample(exchange, "--symbol", "BTC", "--levels", levels, "--detail", *FUTURES)
    assert [request.limit for request in exchange.requests] == [limit]
    assert [(record["levels"], record["levels_bid"]) for record in found] == [
        (int(number), int(number)) for number in levels.split(",")
    ]


def test_distances(exchange: FakeExchange) -> None:
    """Levels come first, then distances, all of one request; a distance has `bps` and `covered` without detail too."""
    found = sample(exchange, "--symbol", "BTC", "ETH", "--levels", "5", "--bps", "10", "5000", *ONCE)
    assert [(record["symbol"], record["levels"], record.get("bps")) for record in found] == [
        (symbol, levels, bps)
        for symbol in ("BTCUSDT", "ETHUSDT")
        for levels, bps in ((5, None), (1000, 10), (1000, 5000))
    ]
    assert sorted((request.symbol, request.limit) for request in exchange.requests) == [
        ("BTCUSDT", 1000),
        ("ETHUSDT", 1000),
    ]
    assert list(found[1]) == [*SIX, "bps", "covered"]
    assert [record["covered"] for record in found if "bps" in record] == [True, False, True, False]


def test_limit(exchange: FakeExchange) -> None:
    """`--limit` is what is requested and what a distance record has as its levels."""
    found = sample(exchange, "--symbol", "BTC", "--bps", "10", "--limit", "300", *ONCE)
    assert [(record["levels"], record["bps"]) for record in found] == [(300, 10)]
    assert [request.limit for request in exchange.requests] == [300]


def test_one_sided_book(exchange: FakeExchange) -> None:
    """Without a mid, levels are measured, and a distance is a line without data and one warning."""
    exchange.script(["bids-only"])
    done = run("--base-url", exchange.url, "--symbol", "BTC", "--levels", "5", "--bps", "10", "50", *ONCE)
    by_levels, *distances = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, by_levels["obi"]) == (0, 1.0)
    assert [(one["obi"], one["notional_bid"], one["covered"]) for one in distances] == [(0.0, 0.0, None)] * 2
    assert done.stderr.count("\n") == 1
    assert "BTCUSDT: the order book has no mid: a side is empty" in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--symbol", "BTC/USDT:USDT", *FUTURES], "write BTC/USDT"),
        (["--symbol", "BTC", "--levels", "1001", *FUTURES], "from 1 to 1000"),
        (
            ["--symbol", *(f"A{number}" for number in range(121)), "--limit", "1000", *FUTURES],
            "the exchange allows 2400",
        ),
        (["--symbol", "BTC", "--market", "spot", "usdm"], "run one for each"),
        (["--symbol", "BTC", "--market", "coinm"], "give one of spot, usdm"),
        (["--symbol", "BTC", "--bps", "0"], "from 1 to 5000"),
        (["--symbol", "BTC", "--levels", "20", "--limit", "10"], "less than --levels 20 needs"),
    ],
)
def test_invalid_request(exchange: FakeExchange, flags: list[str], words: str) -> None:
    """What cannot be sampled is refused in one sentence, before any request."""
    done = run("--base-url", exchange.url, *flags)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
    assert exchange.requests == []


def test_closed_region_of_futures(exchange: FakeExchange) -> None:
    """There is no mirror of futures, and the message says so."""
    exchange.script(["451*"])
    done = run("--base-url", exchange.url, "--symbol", "BTC", *FUTURES)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "no mirror of USD-M futures" in done.stderr
