"""An order book and its measurement. Pure: no HTTP, no clock, no AWS."""

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from itertools import starmap
from math import fsum
from operator import itemgetter, mul
from typing import Annotated, NamedTuple, Self

import msgspec

PLACES = 6
"""Decimal places of every sum and ratio in a record."""

MAX_AMOUNT = 1e18
"""More than any price or quantity: Binance caps one quantity at 92,233,720,368.54775807 (CHANGELOG 2022-05-23)."""

MIN_PRICE = 1e-18
"""Less than any price: Binance writes 8 decimal places."""

Price = Annotated[float, msgspec.Meta(ge=MIN_PRICE, lt=MAX_AMOUNT)]
Quantity = Annotated[float, msgspec.Meta(ge=0, lt=MAX_AMOUNT)]

_levels = msgspec.json.Decoder(list[tuple[Price, Quantity]], strict=False)  # numbers may be quoted
_exact_levels = msgspec.json.Decoder(list[tuple[Decimal, Decimal]])
_exact_level = msgspec.json.Decoder(tuple[Decimal, Decimal])

_EXACT = Context(prec=80)  # more digits than any sum or ratio of such amounts has
_RELATIVE_ERROR = 2.0**-50  # the four roundings between an exact sum and its float cost at most 2**-51


class Side(NamedTuple):
    """One side of a book, best price first: (price, quantity) as floats, and the JSON that has them exactly."""

    levels: list[tuple[float, float]]
    json: bytes

    @classmethod
    def from_json(cls, json: bytes) -> Self:
        """Read `[["price","quantity"],…]`. Raises ValueError or RecursionError."""
        if b"e" in json or b"E" in json:
            _exact_levels.decode(json)  # raises for an exponent that a Decimal cannot have
        return cls(_levels.decode(json), json)

    def exact_levels(self, count: int) -> list[tuple[Decimal, Decimal]]:
        """The first levels, exactly as the exchange wrote them."""
        return _exact_levels.decode(self.json)[:count]

    def exact_price(self, index: int) -> Decimal:
        """The exact price of a level, without reading the others: each level ends with a bracket."""
        is_last = index == len(self.levels) - 1
        before_end = self.json if is_last else self.json.split(b"]", index + 1)[index]
        level, _, _ = before_end[before_end.rindex(b"[") :].partition(b"]")
        return _exact_level.decode(level + b"]")[0]


class Book(NamedTuple):
    """Both sides of one order book; either may be empty or have fewer levels than requested."""

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

    What cannot be computed, such as the best price of an empty side, is None, never 0.
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


class _Total(NamedTuple):
    """A sum over one side: as a float, and a way to the exact one for when the rounding depends on it."""

    approx: float
    exact: Callable[[], Decimal]


def measure(book: Book, levels: int) -> Measurement:
    """Measure the imbalance over the top `levels` of each side; a side with fewer levels counts those it has.

    Every sum and ratio is the exact decimal result, rounded once, half to even.
    """
    bid, ask = _notional(book.bids, levels), _notional(book.asks, levels)
    levels_bid, levels_ask = min(levels, len(book.bids.levels)), min(levels, len(book.asks.levels))
    with localcontext(_EXACT):
        best_bid, best_ask = _price(book.bids, 1), _price(book.asks, 1)
        last_bid, last_ask = _price(book.bids, levels_bid), _price(book.asks, levels_ask)
        mid = None if best_bid is None or best_ask is None else (best_bid + best_ask) / 2
        return Measurement(
            obi=_imbalance(bid, ask) or 0.0,
            notional_bid=_round(bid.approx, bid.approx * _RELATIVE_ERROR, bid.exact),
            notional_ask=_round(ask.approx, ask.approx * _RELATIVE_ERROR, ask.exact),
            obi_quantity=_imbalance(_quantity(book.bids, levels), _quantity(book.asks, levels)),
            best_bid=_float(best_bid),
            best_ask=_float(best_ask),
            mid=_float(mid),
            spread_bps=_bps(best_bid, best_ask, mid),
            levels_bid=levels_bid,
            levels_ask=levels_ask,
            reach_bid_bps=_bps(last_bid, mid, mid),
            reach_ask_bps=_bps(mid, last_ask, mid),
            last_update_id=book.last_update_id,
        )


def _notional(side: Side, levels: int) -> _Total:
    return _Total(
        fsum(starmap(mul, side.levels[:levels])),
        lambda: sum(starmap(mul, side.exact_levels(levels)), Decimal(0)),
    )


def _quantity(side: Side, levels: int) -> _Total:
    return _Total(
        fsum(map(itemgetter(1), side.levels[:levels])),
        lambda: sum(map(itemgetter(1), side.exact_levels(levels)), Decimal(0)),
    )


def _imbalance(bid: _Total, ask: _Total) -> float | None:
    """(bid - ask) / (bid + ask), None if both sides are empty."""
    if not bid.approx + ask.approx:
        return None

    def exact() -> Decimal:
        exact_bid, exact_ask = bid.exact(), ask.exact()
        return (exact_bid - exact_ask) / (exact_bid + exact_ask)

    return _round((bid.approx - ask.approx) / (bid.approx + ask.approx), _RELATIVE_ERROR, exact)


def _round(approx: float, error: float, exact: Callable[[], Decimal]) -> float:
    """Round to PLACES: the float if an error of that size cannot change the result, else the exact decimal."""
    low, high = round(approx - error, PLACES), round(approx + error, PLACES)
    return (low if low == high else float(round(exact(), PLACES))) + 0.0  # + 0.0 turns -0.0 into 0.0


def _price(side: Side, level: int) -> Decimal | None:
    """The price of a level, from 1; None for an empty side."""
    return side.exact_price(level - 1) if side.levels else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _bps(low: Decimal | None, high: Decimal | None, mid: Decimal | None) -> float | None:
    """The distance from low to high in hundredths of a percent of mid."""
    if low is None or high is None or mid is None:
        return None
    return float(round((high - low) / mid * 10_000, PLACES)) + 0.0
