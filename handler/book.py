"""An order book and its measurement: the imbalance of the top levels, the top levels themselves, and a depth ladder."""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from math import fsum
from operator import neg
from typing import Annotated, Any, NamedTuple

import msgspec

from .errors import InvalidBook
from .slots import MAX_EPOCH_SECONDS

PLACES = 6  # decimal places of obi and of both notionals
RUNGS_BPS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500)  # new rungs may only ever be appended
STORED_LEVELS = 20
MIN_CAP_LEVELS = 20  # short books are often equally long on both sides; longer ones only where a host cuts them off
MAX_AMOUNT = 1e18  # Binance caps one quantity at 92,233,720,368.54775807 (CHANGELOG 2022-05-23)
MIN_PRICE = 1e-18
EDGE_TOLERANCE = 1e-12  # relative: far above a rounding error, far below a tick

Levels = list[tuple[Decimal, Decimal]]
Price = Annotated[float, msgspec.Meta(ge=MIN_PRICE, lt=MAX_AMOUNT)]
Quantity = Annotated[float, msgspec.Meta(ge=0, lt=MAX_AMOUNT)]

_levels_decoder = msgspec.json.Decoder(list[tuple[Price, Quantity]], strict=False)  # numbers may be quoted
_exact_levels_decoder = msgspec.json.Decoder(Levels)


class Side:
    """One side of a book, best price first, without the levels that have no quantity. Notionals: price × quantity.

    `received_levels` is how many levels the exchange sent, `last_price` that of the last one.
    """

    def __init__(self, json: bytes) -> None:
        """Read `[["price","quantity"],…]`. Raises ValueError or RecursionError."""
        if b"e" in json or b"E" in json:
            _exact_levels_decoder.decode(json)  # raises for an exponent that a Decimal cannot have
        levels = _levels_decoder.decode(json)
        self.received_levels = len(levels)
        self.last_price = levels[-1][0] if levels else 0.0
        self.quantities = [quantity for _, quantity in levels if quantity]
        if len(self.quantities) < len(levels):
            levels = [level for level in levels if level[1]]
        self.prices = [price for price, _ in levels]
        self.notionals = [price * quantity for price, quantity in levels]
        self._json = json

    def top(self, count: int) -> Levels:
        """Return the first levels as the exchange wrote them."""
        if not self.prices:
            return []
        end = min(count + self.received_levels - len(self.prices), self.received_levels)
        first = self._json.split(b"]", end)[:end]  # each level ends with a bracket, and so does the list
        return [level for level in _exact_levels_decoder.decode(b"]".join(first) + b"]]") if level[1]][:count]


class Book(NamedTuple):
    """Both sides of one order book; either may be empty. `exchange_time_ms` is the matching engine's time."""

    bids: Side
    asks: Side
    last_update_id: int | None = None
    exchange_time_ms: int | None = None

    @property
    def is_empty(self) -> bool:
        """True if neither side has a level with a quantity."""
        return not (self.bids.prices or self.asks.prices)

    @property
    def mid(self) -> float | None:
        """The mean of the best prices; None if a side is empty."""
        if not (self.bids.prices and self.asks.prices):
            return None
        return (self.bids.prices[0] + self.asks.prices[0]) / 2

    def is_capped(self, limit: int) -> bool:
        """Return True if both sides are equally long and short of `limit`: somebody on the way cuts books off."""
        return MIN_CAP_LEVELS <= self.bids.received_levels == self.asks.received_levels < limit


class Snapshot(NamedTuple):
    """A book as it arrived: from which host, when (epoch seconds by this machine's clock), after how long.

    `cache_age_seconds` is the `Age` header of a response that came from a cache.
    """

    book: Book
    host: str
    received_at: float
    latency_ms: float
    cache_age_seconds: int | None = None


class Measurement(NamedTuple):
    """The imbalance of a book's top levels and what it is computed from, rounded to 6 places."""

    obi: float
    notional_bid: float
    notional_ask: float


class _Body(msgspec.Struct):
    bids: msgspec.Raw
    asks: msgspec.Raw
    lastUpdateId: int | None = None  # noqa: N815 - the exchange's name
    T: Annotated[int, msgspec.Meta(ge=0, le=MAX_EPOCH_SECONDS * 1000)] | None = None
    symbol: str | None = None


_body_decoder = msgspec.json.Decoder(_Body, strict=False)  # numbers may be quoted


def parse_depth(body: bytes, symbol: str | None = None) -> Book:
    """Read `{"lastUpdateId":…,"bids":[["price","quantity"],…],"asks":[…]}`. Raises InvalidBook.

    Futures add `"T"`, when the matching engine had this book, in epoch milliseconds. A body that names another pair
    than `symbol` is invalid, and so is a side whose best price does not come first.

        book = parse_depth(requests.get("https://data-api.binance.vision/api/v3/depth?symbol=BTCUSDT").content)
    """
    try:
        fields = _body_decoder.decode(body)
        bids, asks = Side(bytes(fields.bids)), Side(bytes(fields.asks))
    except (ValueError, RecursionError) as error:
        raise InvalidBook(f"no order book: {error}: {body[:60]!r}") from error
    for prices, is_bid in ((bids.prices, True), (asks.prices, False)):
        if prices != sorted(prices, reverse=is_bid) or len(set(prices)) < len(prices):
            raise InvalidBook("an order book whose prices are not sorted, best first, each once")
    if symbol is not None and fields.symbol not in (None, symbol):
        raise InvalidBook(f"an order book of {fields.symbol!r:.60} instead of {symbol}")
    return Book(bids, asks, fields.lastUpdateId, fields.T)


def measure(book: Book, levels: int = 5) -> Measurement:
    """Measure the imbalance over the top `levels` of each side; a side with fewer levels counts those it has.

    measure(book, levels=10).obi
    """
    bid, ask = fsum(book.bids.notionals[:levels]), fsum(book.asks.notionals[:levels])
    total = bid + ask
    obi = (bid - ask) / total if total else 0.0
    return Measurement(round(obi, PLACES) + 0.0, round(bid, PLACES), round(ask, PLACES))  # + 0.0: never -0.0


def measure_depth(book: Book, limit: int) -> dict[str, Any]:
    """Return the values of a record that need the whole book: its levels and, if it has a mid, reach and ladder.

    `limit` is how many levels of each side were requested. The arrays of the ladder have an amount for each of
    RUNGS_BPS, and end before the first rung that was not measured.
    """
    values: dict[str, Any] = {}
    mid, is_capped = book.mid, book.is_capped(limit)
    for name, side, sign in (("bid", book.bids, -1), ("ask", book.asks, 1)):
        values |= {f"{name}_levels": side.received_levels, f"{name}s": side.top(STORED_LEVELS)}
        if mid is not None:
            is_whole = side.received_levels < limit and not is_capped
            counts = _counts(side, mid, sign, is_whole=is_whole)
            values |= {
                f"{name}_reach_bps": _significant(abs(side.last_price / mid - 1) * 10_000, 4),
                f"notional_{name}_within": _cumulative(side.notionals, counts),
                f"quantity_{name}_within": _cumulative(side.quantities, counts),
            }
    return values


def _counts(side: Side, mid: float, sign: int, *, is_whole: bool) -> list[int]:
    """Count the levels within each measured rung; `sign` is 1 for asks, -1 for bids."""
    counts = []
    for bps in RUNGS_BPS:
        edge = mid * (sign + bps / 10_000)  # both it and prices are negative for bids, so that they grow away from mid
        tolerance = abs(edge) * EDGE_TOLERANCE
        if not is_whole and sign * side.last_price < edge - tolerance:
            break
        counts.append(bisect_right(side.prices, edge + tolerance, key=None if sign > 0 else neg))
    return counts


def _cumulative(amounts: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Return the sums of the first `counts` amounts, adding each amount once."""
    between = [fsum(amounts[start:end]) for start, end in pairwise([0, *counts])]
    return [_significant(total, 8) for total in accumulate(between)]


def _significant(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")
