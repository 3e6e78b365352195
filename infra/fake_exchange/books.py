"""Synthetic order books: (market, symbol, seed, step) → book, always the same one. Pure.

The books of a pair are a list of prices with orders, and a random walk: the index at which bids end and asks begin
moves a little with every step. Near it quantities change with every step, further away more slowly.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from infra.fake_exchange.markets import SPOT, FakeMarket
from infra.fake_exchange.pairs import UNIT, Pair, pair_of

Level = Sequence[str]
"""Price and quantity as the exchange writes them, e.g. ("90000.01000000", "0.12300000")."""

_WALK_STEPS = 4096
_BUSY_LEVELS = 20
_SLOW_STEPS = 50
_POOL = 1021


@dataclass(frozen=True, slots=True)
class FakeBook:
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
        draw = random.Random(f"{seed}/{symbol}" if market is SPOT else f"{seed}/{market.name}/{symbol}")
        pair = pair_of(symbol)
        price_ticks = pair.price_units * (10_000 + market.premium_bps) // 10_000 // pair.tick_units
        pair = replace(pair, price_units=price_ticks * pair.tick_units)
        price_decimals, quantity_decimals = (
            (pair.price_decimals, pair.quantity_decimals) if market.has_own_decimals else (8, 8)
        )
        bids = [price for price in accumulate(_gaps(draw, pair, pair.bid_levels, -1)) if price > 0]
        asks = list(accumulate(_gaps(draw, pair, pair.ask_levels, 1)))
        self._prices = [decimal(price, price_decimals) for price in (*reversed(bids), *asks)]
        self._middles = _walk(draw, len(bids), min(len(bids), len(asks)) // 2)
        self._quantities = _quantities(draw, pair, len(self._prices), quantity_decimals)
        self._first_update_id, self._updates_per_step = draw.randrange(10**9, 10**11), draw.randint(1, 400)

    def book(self, step: int, limit: int) -> FakeBook:
        """The best `limit` levels a side at this step (0, 1, 2 …)."""
        middle = self._middles[step % _WALK_STEPS]
        low, high = max(0, middle - limit), min(len(self._prices), middle + limit)
        levels = list(zip(self._prices[low:high], self._quantities_at(step, low, middle, high), strict=True))
        update_id = self._first_update_id + step * self._updates_per_step
        return FakeBook(levels[: middle - low][::-1], levels[middle - low :], update_id)

    def _quantities_at(self, step: int, low: int, middle: int, high: int) -> Sequence[str]:
        pool = self._quantities
        slow, fast = (step // _SLOW_STEPS * 7919) % _POOL, (step * 7919) % _POOL
        near, far = max(low, middle - _BUSY_LEVELS), min(high, middle + _BUSY_LEVELS)
        return pool[slow + low : slow + near] + pool[fast + near : fast + far] + pool[slow + far : slow + high]


@lru_cache(maxsize=1024)
def pair_books(market: FakeMarket, symbol: str, seed: int) -> PairBooks:
    """The books of a pair, built once: it takes some milliseconds."""
    return PairBooks(market, symbol, seed)


def decimal(units: int, decimals: int = 8) -> str:
    """Units of 1e-8 as the exchange writes them: on spot with eight decimals."""
    text = f"{units // UNIT}.{units % UNIT:08d}"
    return text[: len(text) - 8 + decimals].rstrip(".")


def depth_body(update_id: int, times: bytes, sides: bytes) -> bytes:
    """The body of a depth response (rest-api.md and USD-M Futures, "Order book"); `times` as `FakeMarket.times`."""
    return b'{"lastUpdateId":%d,%b%b}' % (update_id, times, sides)


def render_sides(book: FakeBook) -> bytes:
    """Both sides as they stand in that body."""
    return f'"bids":{_side(book.bids)},"asks":{_side(book.asks)}'.encode()


def _side(levels: Sequence[Level]) -> str:
    # Joining tuples in C: a book of 100 levels a side is rendered for every request that meets a new step.
    return '[["' + '"],["'.join(map('","'.join, levels)) + '"]]' if levels else "[]"


def _gaps(draw: random.Random, pair: Pair, levels: int, direction: int) -> list[int]:
    """The first price of a side, then the distances from price to price, in units."""
    mean_ticks = max(0.2, pair.price_units * pair.gap_bps / 10_000 / pair.tick_units)
    ticks = [1 + int(draw.expovariate(1 / mean_ticks)) for _ in range(levels)]
    # The best quotes are a tick apart on a busy pair.
    ticks[0] = 1 if direction > 0 else 0
    return [pair.price_units + direction * ticks[0] * pair.tick_units] + [
        direction * tick * pair.tick_units for tick in ticks[1:]
    ]


def _walk(draw: random.Random, start: int, reach: int) -> list[int]:
    """The index of the best ask at each step: a random walk that ends where it began, so that it can be repeated."""
    path = list(accumulate(draw.choices(range(-3, 4), k=_WALK_STEPS)))
    closed = [index - path[-1] * step // _WALK_STEPS for step, index in enumerate(path, 1)]
    widest = max(max(closed), -min(closed))
    return [start + (index * reach // widest if widest > reach else index) for index in closed]


def _quantities(draw: random.Random, pair: Pair, levels: int, decimals: int) -> list[str]:
    """Log-normal quantities around some hundred dollars, in whole lots: one list to take slices from."""
    median_lots = 400 / pair.base_usd * UNIT / pair.lot_units
    lots = (max(1, round(median_lots * draw.lognormvariate(0, 1.6))) for _ in range(_POOL))
    pool = [decimal(lot * pair.lot_units, decimals) for lot in lots]
    return pool * (2 + levels // _POOL)
