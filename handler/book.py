"""What: a parsed order book and its imbalance. Pure: no HTTP, no clock, no AWS."""

import json
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from math import fsum
from operator import mul
from typing import Any, NamedTuple

PLACES = 6
"""Decimal places of every sum and ratio in a record."""

SANE_TOTAL = 1e18
"""More than any side adds up to: the exchange caps one quantity at 92,233,720,368.54775807 (CHANGELOG 2022-05-23)."""

SANE_PRICE = 1e-18
"""Less than any price: the exchange writes 8 decimal places."""

_EXACT = Context(prec=80)  # more digits than any sum or ratio of sane amounts has
_SLACK = 2.0**-50  # relative; the four roundings between an exact sum and its float cost at most 2**-51

_NUMERIC = b"0123456789.eE+-"
_decoder = json.JSONDecoder(parse_float=str, parse_int=str)  # a bare number keeps its digits, as the quoted ones do


class MalformedBook(ValueError):
    """The bytes are no order book: not JSON, a side missing, or a level that is not a pair of numbers."""


class Side(NamedTuple):
    """One side of a book, best price first: the numbers as they were written, and as floats."""

    written_prices: list[str]
    written_quantities: list[str]
    prices: list[float]
    quantities: list[float]


class Book(NamedTuple):
    """Both sides of one order book; either may be short or empty."""

    bids: Side
    asks: Side
    last_update_id: int | None


class Snapshot(NamedTuple):
    """A book as it arrived: from which host, when (epoch seconds by this machine's clock), after how long."""

    book: Book
    host: str
    received_at: float
    latency_ms: float


class Measurement(NamedTuple):
    """The numbers of one book over its top levels, named as in the record.

    What cannot be computed (an empty side has no best price) is None, never 0.
    """

    obi: float
    notional_bid: float
    notional_ask: float
    obi_quantity: float | None
    best_bid: float | None
    best_ask: float | None
    mid: float | None
    spread_bps: float | None
    levels_bid: int
    levels_ask: int
    reach_bid_bps: float | None
    reach_ask_bps: float | None
    last_update_id: int | None


def parse_book(body: bytes) -> Book:
    """Read a depth body, `{"lastUpdateId":…,"bids":[["price","quantity"],…],"asks":[…]}`.

    Levels may carry a third element, as they did until 2019. Raises MalformedBook, whatever the bytes are.
    """
    try:
        data = _decoder.decode(body.decode())
        return Book(_side(data["bids"]), _side(data["asks"]), _update_id(data.get("lastUpdateId")))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise MalformedBook(f"no order book: {body[:60]!r}") from error


def _side(levels: Any) -> Side:
    if type(levels) is not list or not set(map(type, levels)) <= {list}:
        raise TypeError("a side is not a list of levels")
    prices, quantities = [level[0] for level in levels], [level[1] for level in levels]
    text = "".join(prices) + "".join(quantities)  # raises TypeError where a price or quantity is not a number
    if unusual := text.encode().translate(None, delete=b"0123456789."):
        _check_unusual(unusual, prices + quantities)
    side = Side(prices, quantities, list(map(float, prices)), list(map(float, quantities)))
    if levels and not min(side.prices) >= SANE_PRICE:
        raise ValueError("a price is negative, or as good as nothing")
    if max(sum(side.prices), sum(side.quantities)) >= SANE_TOTAL:
        raise ValueError("a price or a quantity is no real amount")
    return side


def _check_unusual(characters: bytes, numbers: list[str]) -> None:
    """Refuse what float() takes but JSON does not, a quantity below 0, and what the exact sums cannot read."""
    if characters.translate(None, delete=b"eE+-"):
        raise ValueError("a number is written as float() takes it but JSON does not")
    if min(map(Decimal, numbers)) < 0:
        raise ValueError("a price or a quantity is negative")


def _update_id(value: Any) -> int | None:
    known = isinstance(value, str) and value.isdecimal() and len(value) < 20
    return int(value) if known else None


class _Total(NamedTuple):
    """A sum over one side as a float, and the way to the exact one, for when the rounding hangs on it."""

    close: float
    exact: Callable[[], Decimal]


def measure(book: Book, levels: int) -> Measurement:
    """Measure the imbalance over the top `levels` of each side; a short side counts what it has.

    Every sum and ratio is the exact decimal result, rounded once, half to even.
    """
    bids, asks = _top(book.bids, levels), _top(book.asks, levels)
    bid, ask = _notional(bids), _notional(asks)
    with localcontext(_EXACT):
        best_bid, best_ask = _price(bids, 0), _price(asks, 0)
        mid = None if best_bid is None or best_ask is None else (best_bid + best_ask) / 2
        return Measurement(
            obi=_imbalance(bid, ask) or 0.0,
            notional_bid=_rounded(bid.close, bid.close * _SLACK, bid.exact),
            notional_ask=_rounded(ask.close, ask.close * _SLACK, ask.exact),
            obi_quantity=_imbalance(_quantity(bids), _quantity(asks)),
            best_bid=_float(best_bid),
            best_ask=_float(best_ask),
            mid=_float(mid),
            spread_bps=_bps(best_bid, best_ask, mid),
            levels_bid=len(bids.prices),
            levels_ask=len(asks.prices),
            reach_bid_bps=_bps(_price(bids, -1), mid, mid),
            reach_ask_bps=_bps(mid, _price(asks, -1), mid),
            last_update_id=book.last_update_id,
        )


def _top(side: Side, levels: int) -> Side:
    if levels >= len(side.prices):
        return side
    return Side(
        side.written_prices[:levels], side.written_quantities[:levels], side.prices[:levels], side.quantities[:levels]
    )


def _notional(side: Side) -> _Total:
    def exact() -> Decimal:
        return sum(map(mul, map(Decimal, side.written_prices), map(Decimal, side.written_quantities)), Decimal(0))

    return _Total(fsum(map(mul, side.prices, side.quantities)), exact)


def _quantity(side: Side) -> _Total:
    return _Total(fsum(side.quantities), lambda: sum(map(Decimal, side.written_quantities), Decimal(0)))


def _imbalance(bid: _Total, ask: _Total) -> float | None:
    """(bid - ask) / (bid + ask), None where there is nothing on either side."""
    if not bid.close + ask.close:
        return None

    def exact() -> Decimal:
        exact_bid, exact_ask = bid.exact(), ask.exact()
        return (exact_bid - exact_ask) / (exact_bid + exact_ask)

    return _rounded((bid.close - ask.close) / (bid.close + ask.close), _SLACK, exact)


def _rounded(close: float, slack: float, exact: Callable[[], Decimal]) -> float:
    """Round to PLACES: from the float where an error up to `slack` cannot matter, else from the exact decimal."""
    low, high = round(close - slack, PLACES), round(close + slack, PLACES)
    return (low if low == high else float(round(exact(), PLACES))) + 0.0  # + 0.0 makes -0.0 plain


def _price(side: Side, index: int) -> Decimal | None:
    return Decimal(side.written_prices[index]) if side.prices else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _bps(low: Decimal | None, high: Decimal | None, mid: Decimal | None) -> float | None:
    """The distance from low to high in hundredths of a percent of mid."""
    if low is None or high is None or mid is None:
        return None
    return float(round((high - low) / mid * 10_000, PLACES)) + 0.0
