"""An order book and its measurement. Pure: no HTTP, no clock, no AWS."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from functools import cached_property
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

_levels_decoder = msgspec.json.Decoder(list[tuple[Price, Quantity]], strict=False)  # numbers may be quoted
_exact_levels_decoder = msgspec.json.Decoder(list[tuple[Decimal, Decimal]])
_exact_level_decoder = msgspec.json.Decoder(tuple[Decimal, Decimal])

_EXACT = Context(prec=80)  # more digits than any sum or ratio of such amounts has
_RELATIVE_ERROR = 2.0**-50  # the four roundings between an exact sum and its float cost at most 2**-51


@dataclass(frozen=True)
class Side:
    """One side of a book, best price first: (price, quantity) as floats, and the JSON that has them exactly."""

    levels: list[tuple[float, float]]
    json: bytes

    @classmethod
    def from_json(cls, json: bytes) -> Self:
        """Read `[["price","quantity"],…]`. Raises ValueError or RecursionError."""
        if b"e" in json or b"E" in json:
            _exact_levels_decoder.decode(json)  # raises for an exponent that a Decimal cannot have
        return cls(_levels_decoder.decode(json), json)

    @cached_property
    def notionals(self) -> list[float]:
        """Price × quantity of each level."""
        return list(starmap(mul, self.levels))

    @cached_property
    def quantities(self) -> list[float]:
        """The quantity of each level."""
        return list(map(itemgetter(1), self.levels))

    @cached_property
    def exact_levels(self) -> list[tuple[Decimal, Decimal]]:
        """The levels as the exchange wrote them."""
        return _exact_levels_decoder.decode(self.json)

    def exact_level(self, index: int) -> tuple[Decimal, Decimal]:
        """One level as the exchange wrote it, without reading the others: each level ends with a bracket."""
        is_last = index == len(self.levels) - 1
        before_end = self.json if is_last else self.json.split(b"]", index + 1)[index]
        level, _, _ = before_end[before_end.rindex(b"[") :].partition(b"]")
        return _exact_level_decoder.decode(level + b"]")


class Book(NamedTuple):
    """Both sides of one order book; either may be empty or have fewer levels than requested."""

    bids: Side
    asks: Side
    last_update_id: int | None
    exchange_time_ms: int | None = None
    """The exchange's own time of the book, in epoch milliseconds, if the response has it."""


class Snapshot(NamedTuple):
    """A book as it arrived: from which host, when (epoch seconds by this machine's clock), after how long."""

    book: Book
    host: str
    received_at: float
    latency_ms: float


class Measurement(NamedTuple):
    """The numbers of one book at one depth, named as in the record.

    What cannot be computed, such as the best price of an empty side, is None, never 0.
    """

    obi: float
    notional_bid: float
    notional_ask: float
    covered: bool | None
    obi_quantity: float | None
    best_bid: float | None
    best_bid_quantity: float | None
    best_ask: float | None
    best_ask_quantity: float | None
    mid: float | None
    microprice: float | None
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


def measure(book: Book, levels: int, bps: int | None = None) -> Measurement:
    """Measure the imbalance over the top `levels` of each side; a side with fewer levels counts those it has.

    With `bps`, of the top `levels`, which are those that were requested, only the bids from mid × (1 - bps / 10,000) up
    and the asks up to mid × (1 + bps / 10,000). `covered` is then whether the book was sent at least that far on both
    sides; it is None without `bps`, and for a book without mid, where nothing can be measured.

    Every sum and ratio is the exact decimal result, rounded once, half to even.
    """
    bids, asks = book.bids, book.asks
    levels_bid, levels_ask = min(levels, len(bids.levels)), min(levels, len(asks.levels))
    covered = None
    with localcontext(_EXACT):
        best_bid, best_ask = _exact_level(bids, 1), _exact_level(asks, 1)
        mid = (best_bid[0] + best_ask[0]) / 2 if best_bid and best_ask else None
        if bps is not None:
            covered, levels_bid, levels_ask = _within_distance(book, levels, bps, mid)
        bid, ask = _notional(bids, levels_bid), _notional(asks, levels_ask)
        last_bid, last_ask = _exact_level(bids, levels_bid), _exact_level(asks, levels_ask)
        return Measurement(
            obi=_imbalance(bid, ask) or 0.0,
            notional_bid=_round(bid.approx, bid.approx * _RELATIVE_ERROR, bid.exact),
            notional_ask=_round(ask.approx, ask.approx * _RELATIVE_ERROR, ask.exact),
            covered=covered,
            obi_quantity=_imbalance(_quantity(bids, levels_bid), _quantity(asks, levels_ask)),
            best_bid=_float(_price(best_bid)),
            best_bid_quantity=_float(_amount(best_bid)),
            best_ask=_float(_price(best_ask)),
            best_ask_quantity=_float(_amount(best_ask)),
            mid=_float(mid),
            microprice=_microprice(best_bid, best_ask),
            spread_bps=_bps(_price(best_bid), _price(best_ask), mid),
            levels_bid=levels_bid,
            levels_ask=levels_ask,
            reach_bid_bps=_bps(_price(last_bid), mid, mid),
            reach_ask_bps=_bps(mid, _price(last_ask), mid),
            last_update_id=book.last_update_id,
        )


_ExactLevel = tuple[Decimal, Decimal]


def _within_distance(book: Book, levels: int, bps: int, mid: Decimal | None) -> tuple[bool | None, int, int]:
    """Whether both sides reach the distance, and how many levels of each are within it."""
    if mid is None:
        return None, 0, 0
    distance = mid * bps / 10_000
    levels_bid, bids_covered = _levels_within(book.bids, levels, mid - distance, direction=-1)
    levels_ask, asks_covered = _levels_within(book.asks, levels, mid + distance, direction=1)
    return bids_covered and asks_covered, levels_bid, levels_ask


def _levels_within(side: Side, levels: int, edge: Decimal, *, direction: int) -> tuple[int, bool]:
    """How many of the top levels are not beyond the edge, and whether the side was sent at least up to it.

    `direction`: 1 if prices rise from level to level, -1 if they fall.
    """

    def distance(level: tuple[float, float]) -> float:
        return direction * level[0]

    sent = min(levels, len(side.levels))
    approx_edge = direction * float(edge)
    margin = abs(approx_edge) * _RELATIVE_ERROR
    count = bisect_left(side.levels, approx_edge - margin, hi=sent, key=distance)
    ends_at_edge = False
    while count < sent and distance(side.levels[count]) <= approx_edge + margin:
        price, _ = side.exact_level(count)
        if direction * price > direction * edge:
            break
        ends_at_edge = price == edge
        count += 1
    return count, len(side.levels) < levels or count < sent or ends_at_edge


def _notional(side: Side, levels: int) -> _Total:
    return _Total(
        fsum(side.notionals[:levels]),
        lambda: sum(starmap(mul, side.exact_levels[:levels]), Decimal(0)),
    )


def _quantity(side: Side, levels: int) -> _Total:
    return _Total(
        fsum(side.quantities[:levels]),
        lambda: sum(map(itemgetter(1), side.exact_levels[:levels]), Decimal(0)),
    )


def _imbalance(bid: _Total, ask: _Total) -> float | None:
    """(bid - ask) / (bid + ask), None if both sides are empty."""
    if not bid.approx + ask.approx:
        return None

    def exact() -> Decimal:
        exact_bid, exact_ask = bid.exact(), ask.exact()
        return (exact_bid - exact_ask) / (exact_bid + exact_ask)

    return _round((bid.approx - ask.approx) / (bid.approx + ask.approx), _RELATIVE_ERROR, exact)


def _microprice(best_bid: _ExactLevel | None, best_ask: _ExactLevel | None) -> float | None:
    """Mid, shifted towards the side with the smaller quantity at its best price."""
    if best_bid is None or best_ask is None:
        return None
    (bid, bid_quantity), (ask, ask_quantity) = best_bid, best_ask
    quantity = bid_quantity + ask_quantity
    return float((ask * bid_quantity + bid * ask_quantity) / quantity) if quantity else None


def _round(approx: float, error: float, exact: Callable[[], Decimal]) -> float:
    """Round to PLACES: the float if an error of that size cannot change the result, else the exact decimal."""
    low, high = round(approx - error, PLACES), round(approx + error, PLACES)
    return (low if low == high else float(round(exact(), PLACES))) + 0.0  # + 0.0 turns -0.0 into 0.0


def _exact_level(side: Side, number: int) -> _ExactLevel | None:
    """A level by its number, from 1; None for number 0 or an empty side."""
    return side.exact_level(number - 1) if side.levels and number else None


def _price(level: _ExactLevel | None) -> Decimal | None:
    return level[0] if level else None


def _amount(level: _ExactLevel | None) -> Decimal | None:
    return level[1] if level else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value) + 0.0  # + 0.0 turns -0.0 into 0.0


def _bps(low: Decimal | None, high: Decimal | None, mid: Decimal | None) -> float | None:
    """The distance from low to high in hundredths of a percent of mid."""
    if low is None or high is None or mid is None:
        return None
    return float(round((high - low) / mid * 10_000, PLACES)) + 0.0
