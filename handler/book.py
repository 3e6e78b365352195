"""An order book and its measurement. Pure: no HTTP, no clock, no AWS."""

from bisect import bisect_left
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from functools import cached_property
from math import fsum
from typing import Annotated, NamedTuple, Self

import msgspec

from handler.record import PLACES

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


class Side:
    """One side of a book, best price first: (price, quantity) as floats, and the JSON that has them exactly."""

    def __init__(self, levels: list[tuple[float, float]], json: bytes) -> None:
        self.levels = levels
        self.json = json
        self._notionals: list[float] = []
        self._quantities: list[float] = []
        self._exact_levels: list[tuple[Decimal, Decimal]] = []

    @classmethod
    def from_json(cls, json: bytes) -> Self:
        """Read `[["price","quantity"],…]`. Raises ValueError or RecursionError."""
        if b"e" in json or b"E" in json:
            _exact_levels_decoder.decode(json)  # raises for an exponent that a Decimal cannot have
        return cls(_levels_decoder.decode(json), json)

    def notionals(self, count: int) -> list[float]:
        """Price × quantity of the first levels; computed once, whatever depths are measured."""
        self._notionals.extend([price * quantity for price, quantity in self.levels[len(self._notionals) : count]])
        return self._notionals[:count]

    def quantities(self, count: int) -> list[float]:
        """The quantities of the first levels."""
        self._quantities.extend([quantity for _, quantity in self.levels[len(self._quantities) : count]])
        return self._quantities[:count]

    def exact_levels(self, count: int) -> list[tuple[Decimal, Decimal]]:
        """The first levels as the exchange wrote them; read once, whatever depths are measured."""
        if len(self._exact_levels) < count:  # each level ends with a bracket, and so does the list
            first = self.json if count == len(self.levels) else b"]".join(self.json.split(b"]", count)[:count]) + b"]]"
            self._exact_levels[:] = _exact_levels_decoder.decode(first)
        return self._exact_levels[:count]

    def exact_level(self, index: int) -> tuple[Decimal, Decimal]:
        """One level as the exchange wrote it, without reading the others: each level ends with a bracket."""
        is_last = index == len(self.levels) - 1
        before_end = self.json if is_last else self.json.split(b"]", index + 1)[index]
        level, _, _ = before_end[before_end.rindex(b"[") :].partition(b"]")
        return _exact_level_decoder.decode(level + b"]")


class Quotes(NamedTuple):
    """The best prices of a book and what follows from them; None where an empty side leaves it unknown."""

    best_bid: float | None
    best_bid_quantity: float | None
    best_ask: float | None
    best_ask_quantity: float | None
    mid: float | None
    microprice: float | None
    spread_bps: float | None


class Book:
    """Both sides of one order book; either may be empty or have fewer levels than requested.

    `exchange_time_ms`: the exchange's own time of the book, in epoch milliseconds, if the response has it.
    """

    def __init__(self, bids: Side, asks: Side, last_update_id: int | None, exchange_time_ms: int | None = None) -> None:
        self.bids = bids
        self.asks = asks
        self.last_update_id = last_update_id
        self.exchange_time_ms = exchange_time_ms

    @cached_property
    def exact_mid(self) -> Decimal | None:
        """The mean of the best prices; None if a side is empty."""
        if not (self.bids.levels and self.asks.levels):
            return None
        with localcontext(_EXACT):
            return (self.bids.exact_level(0)[0] + self.asks.exact_level(0)[0]) / 2

    @cached_property
    def quotes(self) -> Quotes:
        """The best prices and what follows from them, the same at every depth."""
        bid, bid_quantity = self.bids.levels[0] if self.bids.levels else (None, None)
        ask, ask_quantity = self.asks.levels[0] if self.asks.levels else (None, None)
        return Quotes(
            best_bid=bid,
            best_bid_quantity=_without_sign_of_zero(bid_quantity),
            best_ask=ask,
            best_ask_quantity=_without_sign_of_zero(ask_quantity),
            mid=None if self.exact_mid is None else float(self.exact_mid),
            microprice=_microprice(self),
            spread_bps=_spread_bps(self),
        )


class Snapshot(NamedTuple):
    """A book as it arrived: from which host, when (epoch seconds by this machine's clock), after how long."""

    book: Book
    host: str
    received_at: float
    latency_ms: float


class Measurement(NamedTuple):
    """The numbers of one book at one depth, named as in the record.

    What cannot be computed, such as the best price of an empty side, is None, never 0; so is detail that is left out.
    """

    obi: float
    notional_bid: float
    notional_ask: float
    covered: bool | None
    obi_quantity: float | None = None
    best_bid: float | None = None
    best_bid_quantity: float | None = None
    best_ask: float | None = None
    best_ask_quantity: float | None = None
    mid: float | None = None
    microprice: float | None = None
    spread_bps: float | None = None
    levels_bid: int | None = None
    levels_ask: int | None = None
    reach_bid_bps: float | None = None
    reach_ask_bps: float | None = None
    last_update_id: int | None = None


class _Total(NamedTuple):
    """A sum over one side: as a float, and a way to the exact one for when the rounding depends on it."""

    approx: float
    exact: Callable[[], Decimal]


def measure(book: Book, levels: int, bps: int | None = None, *, detail: bool = True) -> Measurement:
    """Measure the imbalance over the top `levels` of each side; a side with fewer levels counts those it has.

    With `bps`, of the top `levels`, which are those that were requested, only the bids from mid × (1 - bps / 10,000) up
    and the asks up to mid × (1 + bps / 10,000). `covered` is then whether the book was sent at least that far on both
    sides; it is None without `bps`, and for a book without mid, where nothing can be measured.

    Every sum and ratio is the exact decimal result, rounded once, half to even. Without `detail` only the first four
    numbers are computed.
    """
    bids, asks = book.bids, book.asks
    levels_bid, levels_ask = min(levels, len(bids.levels)), min(levels, len(asks.levels))
    covered = None
    with localcontext(_EXACT):
        if bps is not None:
            covered, levels_bid, levels_ask = _within_distance(book, levels, bps)
        bid, ask = _notional(bids, levels_bid), _notional(asks, levels_ask)
        amounts = Measurement(
            obi=_imbalance(bid, ask) or 0.0,
            notional_bid=_round(bid.approx, bid.approx * _RELATIVE_ERROR, bid.exact),
            notional_ask=_round(ask.approx, ask.approx * _RELATIVE_ERROR, ask.exact),
            covered=covered,
        )
        if not detail:
            return amounts
        return amounts._replace(
            obi_quantity=_imbalance(_quantity(bids, levels_bid), _quantity(asks, levels_ask)),
            levels_bid=levels_bid,
            levels_ask=levels_ask,
            reach_bid_bps=_reach_bps(bids, levels_bid, book.exact_mid, direction=-1),
            reach_ask_bps=_reach_bps(asks, levels_ask, book.exact_mid, direction=1),
            last_update_id=book.last_update_id,
            **book.quotes._asdict(),
        )


def _within_distance(book: Book, levels: int, bps: int) -> tuple[bool | None, int, int]:
    """Whether both sides reach the distance, and how many levels of each are within it."""
    mid = book.exact_mid
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
        fsum(side.notionals(levels)),
        lambda: sum((price * quantity for price, quantity in side.exact_levels(levels)), Decimal(0)),
    )


def _quantity(side: Side, levels: int) -> _Total:
    return _Total(
        fsum(side.quantities(levels)),
        lambda: sum((quantity for _, quantity in side.exact_levels(levels)), Decimal(0)),
    )


def _imbalance(bid: _Total, ask: _Total) -> float | None:
    """(bid - ask) / (bid + ask), None if both sides are empty."""
    if not bid.approx + ask.approx:
        return None

    def exact() -> Decimal:
        exact_bid, exact_ask = bid.exact(), ask.exact()
        return (exact_bid - exact_ask) / (exact_bid + exact_ask)

    return _round((bid.approx - ask.approx) / (bid.approx + ask.approx), _RELATIVE_ERROR, exact)


def _microprice(book: Book) -> float | None:
    """Mid, shifted towards the side with the smaller quantity at its best price."""
    if book.exact_mid is None:
        return None
    (bid, bid_quantity), (ask, ask_quantity) = book.bids.exact_level(0), book.asks.exact_level(0)
    with localcontext(_EXACT):
        quantity = bid_quantity + ask_quantity
        return float((ask * bid_quantity + bid * ask_quantity) / quantity) if quantity else None


def _without_sign_of_zero(number: float | None) -> float | None:
    return number and number + 0.0  # + 0.0 turns -0.0 into 0.0


def _round(approx: float, error: float, exact: Callable[[], Decimal]) -> float:
    """Round to PLACES: the float if an error of that size cannot change the result, else the exact decimal."""
    low, high = round(approx - error, PLACES), round(approx + error, PLACES)
    return (low if low == high else float(round(exact(), PLACES))) + 0.0  # + 0.0 turns -0.0 into 0.0


def _spread_bps(book: Book) -> float | None:
    """The distance between the best prices in basis points of mid."""
    if book.exact_mid is None:
        return None
    (bid, _), (ask, _) = book.bids.exact_level(0), book.asks.exact_level(0)
    with localcontext(_EXACT):
        return float(round((ask - bid) / book.exact_mid * 10_000, PLACES)) + 0.0


def _reach_bps(side: Side, levels: int, mid: Decimal | None, *, direction: int) -> float | None:
    """The distance from mid to the last of the levels in basis points of mid; None if there is no such level."""
    if not levels or mid is None:
        return None
    ratio = side.levels[levels - 1][0] / float(mid)

    def exact() -> Decimal:
        price, _ = side.exact_level(levels - 1)
        return direction * (price - mid) / mid * 10_000

    return _round(direction * (ratio - 1) * 10_000, (ratio + 1) * 10_000 * _RELATIVE_ERROR, exact)
