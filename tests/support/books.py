"""Books as recorded ones look, and their full records: deep, thin, coarse, short, crossed, with an empty side."""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from handler.book import Book, Side, measure, measure_depth, parse_depth
from handler.record import Record
from handler.slots import format_milliseconds, format_timestamp
from infra.fake_exchange.books import DEFAULT_SYMBOLS, depth_body, pair_books, render_sides
from infra.fake_exchange.markets import SPOT

START = 1_793_491_200  # 2026-11-01
BOOK = tuple[str, Book, int]  # a symbol, a book, and how many levels were requested


@lru_cache(maxsize=1)
def whole_books() -> list[BOOK]:
    """Books of several shapes; the same ones each time."""
    return [*synthetic_books(), *odd_books()]


def synthetic_books() -> Iterator[BOOK]:
    """Deep ones and thin ones; the first is of BTCUSDT."""
    for symbol in (*DEFAULT_SYMBOLS[:11], "AAAUSDT", "BBBUSDT", "CCCBTC", "DDDEUR", "EEEUSDT"):  # the latter are thin
        for step in range(0, 120, 12):
            for limit in (1000, 100):
                found = pair_books(SPOT, symbol, 5).book(step, limit)
                yield symbol, parse_depth(depth_body(found.last_update_id, b"", render_sides(found))), limit


def odd_books() -> Iterator[BOOK]:
    """Coarse, crossed, short and one-sided ones."""
    coarse = [(Decimal(n).scaleb(-4), Decimal(1000 + 37 * n % 91)) for n in range(1, 40)]  # a tick is 66 bps
    yield "COARSE", _book(coarse[14::-1], coarse[15:]), 1000
    near = [(Decimal(10_000 + n).scaleb(-2), Decimal(n % 7 + 1)) for n in range(60)]
    yield "CROSSED", _book(near[30::-1], near[28:]), 1000
    yield "SHORT", _book(near[29:26:-1], near[31:32]), 1000
    yield "CUT", _book(near[29:9:-1], near[31:51]), 20
    yield "NOBIDS", _book([], near[31:]), 1000
    yield "NOASKS", _book(near[29::-1], []), 1000


def _book(bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]]) -> Book:
    sides = [[[f"{price:f}", f"{quantity:f}"] for price, quantity in side] for side in (bids, asks)]
    return parse_depth(str({"lastUpdateId": 7, "bids": sides[0], "asks": sides[1]}).replace("'", '"').encode())


def full_record(symbol: str, book: Book, limit: int, slot: int, **changes: Any) -> Record:
    """The record of a book that arrived 250 ms after the start of its slot."""
    measured, market = measure(book, 5), changes.get("market", "spot")
    values = {
        "timestamp": format_timestamp(slot),
        "symbol": symbol,
        **measured._asdict(),
        "levels": 5,
        "interval_seconds": 60,
        "version": "1.0.0",
        "received_at": format_milliseconds(slot + 250 / 1000),
        "exchange_time": None if market == "spot" else format_milliseconds(slot + 230 / 1000),
        "last_update_id": slot * 7,
        "host": "data-api.binance.vision",
        "latency_ms": 12.5,
        "limit": limit,
        **measure_depth(book, limit),
    }
    return Record(**(values | changes))


def side_levels(side: Side) -> list[tuple[float, float]]:
    """All levels of a side that have a quantity."""
    return list(zip(side.prices, side.quantities, strict=True))
