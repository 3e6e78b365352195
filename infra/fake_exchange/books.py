"""Synthetic order books: (market, symbol, seed, step) → book, always the same one.

The books of a pair are a list of prices with orders, and the index at which bids end and asks begin, which moves a
little with every step, as all quantities do. Money is counted in integers of 1e-8, the eight decimals of the exchange,
so that no price is ever a rounded float.
"""

import math
import random
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from infra.fake_exchange.markets import FakeMarket

_PRICES = {"BTCUSDT": 90_000.0, "ETHUSDT": 3_000.0, "BNBUSDT": 860.0, "SOLUSDT": 140.0, "XRPUSDT": 2.1, "ADAUSDT": 0.42}
_PRICES |= {"DOGEUSDT": 0.15, "LTCUSDT": 85.0, "SHIBUSDT": 0.0000085, "ETHBTC": 0.0333, "SOLBTC": 0.0016}
DEFAULT_SYMBOLS = (*_PRICES, "这是测试币456", "BTCUSDT_261225")
"""Well-known pairs, the non-ASCII one of the exchange's testnet, and a dated contract."""

Level = Sequence[str]
"""Price and quantity as the exchange writes them, e.g. ("90000.01000000", "0.12300000")."""

_UNIT = 10**8
# Mean distance between levels in basis points: 1000 levels of the real BTCUSDT reach 40-113 bps, of ETHUSDT 105-330.
_GAPS_BPS = dict.fromkeys(_PRICES, 0.3) | {"BTCUSDT": 0.07, "ETHUSDT": 0.2}
_DEEP_LEVELS = 6000
_POOL = 1021  # how many different quantities a pair has


class FakeBook(NamedTuple):
    """Bids descending, asks ascending. Levels are sent as they are, so tests can put anything into them."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    last_update_id: int = 1

    def top(self, limit: int) -> "FakeBook":
        """The best `limit` levels of either side."""
        return FakeBook(self.bids[:limit], self.asks[:limit], self.last_update_id)


class PairBooks:
    """The book of one pair at any step."""

    def __init__(self, market: FakeMarket, symbol: str, seed: int) -> None:
        pair, draw = symbol.partition("_")[0], random.Random(f"{seed}/{market.name}/{symbol}")
        price = _PRICES.get(pair) or 10 ** random.Random(pair).uniform(-2, 2)
        tick, lot = _power_of_ten(price * 1e-4, _UNIT // 100), _power_of_ten(1 / price, _UNIT)
        middle = round(price * _UNIT / tick)
        # Thin pairs have short and unequal sides, as on the exchange.
        gap_bps = _GAPS_BPS.get(pair) or draw.uniform(1, 4)
        levels = [_DEEP_LEVELS if pair in _GAPS_BPS else int(10 ** draw.uniform(1.3, 3.1)) for _ in range(2)]
        gap = max(0.2, middle * gap_bps / 10_000)
        bids = [ticks for ticks in _side_ticks(draw, middle, -gap, levels[0]) if ticks > 0]
        asks = list(_side_ticks(draw, middle + 1, gap, levels[1]))
        decimals = (9 - len(str(tick)), 9 - len(str(lot))) if market.is_futures else (8, 8)
        self._prices = [_decimal(ticks * tick, decimals[0]) for ticks in (*reversed(bids), *asks)]
        # Log-normal quantities around some hundred dollars, in whole lots: one list to take slices from.
        lots = (max(1, round(400 / price * _UNIT / lot * draw.lognormvariate(0, 1.6))) for _ in range(_POOL))
        self._quantities = [_decimal(number * lot, decimals[1]) for number in lots] * (2 + len(self._prices) // _POOL)
        self._bids, self._reach = len(bids), min(100, len(bids) // 2, len(asks) // 2)
        self._first_update_id, self._updates_per_step = draw.randrange(10**9, 10**11), draw.randint(1, 400)

    def book(self, step: int, limit: int) -> FakeBook:
        """The best `limit` levels a side at this step (0, 1, 2 …)."""
        middle = self._bids + round(self._reach * math.sin(step * 0.07))
        low, high = max(0, middle - limit), min(len(self._prices), middle + limit)
        shift = (step * 7919) % _POOL
        levels = list(zip(self._prices[low:high], self._quantities[low + shift : high + shift], strict=True))
        update_id = self._first_update_id + step * self._updates_per_step
        return FakeBook(levels[: middle - low][::-1], levels[middle - low :], update_id)


@lru_cache(maxsize=1024)
def pair_books(market: FakeMarket, symbol: str, seed: int) -> PairBooks:
    """The books of a pair, built once: it takes some milliseconds."""
    return PairBooks(market, symbol, seed)


def depth_body(update_id: int, times: bytes, sides: bytes) -> bytes:
    """The body of a depth response (rest-api.md and USD-M Futures, "Order book"); `times` as `FakeMarket.times`."""
    return b'{"lastUpdateId":%d,%b%b}' % (update_id, times, sides)


def render_sides(book: FakeBook) -> bytes:
    """Both sides as they stand in that body."""
    return f'"bids":{_side(book.bids)},"asks":{_side(book.asks)}'.encode()


def _side(levels: Sequence[Level]) -> str:
    # Joining tuples in C: a book of 100 levels a side is rendered for every request that meets a new step.
    return '[["' + '"],["'.join(map('","'.join, levels)) + '"]]' if levels else "[]"


def _power_of_ten(value: float, maximum: int) -> int:
    """The power of ten at or below `value`, in units."""
    return min(maximum, int(10.0 ** max(0, math.floor(math.log10(value)) + 8)))


def _decimal(units: int, decimals: int) -> str:
    text = f"{units // _UNIT}.{units % _UNIT:08d}"
    return text[: len(text) - 8 + decimals].rstrip(".")


def _side_ticks(draw: random.Random, best: int, gap: float, levels: int) -> Iterable[int]:
    """The prices of a side in ticks, from the best one outwards; a negative gap leads down."""
    gaps = (round(math.copysign(1 + int(draw.expovariate(1 / abs(gap))), gap)) for _ in range(levels - 1))
    return accumulate(gaps, initial=best)
