"""docs/definitions.md: each expression over a stored item equals the same definition over the whole book."""

import math
import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import exp, fsum, inf
from pathlib import Path
from statistics import pstdev

import pytest
from support.ask import write_lines
from support.books import BOOK, START, full_record, side_levels, whole_books

from handler.reading import read
from handler.stores.item import item_from_record, record_from_item

PAGE = Path(__file__).parents[2] / "docs" / "definitions.md"
DEFINITIONS = dict(re.findall(r"^### ([^\n]+)\n```sql\n(.*?)\n```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
HOUR = "WINDOW hour AS (PARTITION BY pair ORDER BY slot RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW)"
TOLERANCE = 1e-7
ONE_SIDED = {"Binance bookDepth bands": "bids", "Average price within a distance": "asks"}

Levels = Sequence[tuple[float, float]]
Definition = Callable[[Levels, Levels, float], float | None]


def total(side: Levels) -> float:
    return fsum(quantity for _, quantity in side)


def notional(side: Levels) -> float:
    return fsum(price * quantity for price, quantity in side)


def balance(bid: float, ask: float) -> float | None:
    return (bid - ask) / (bid + ask) if bid + ask else None


def within(side: Levels, mid: float, bps: int) -> list[tuple[float, float]]:
    return [level for level in side if abs(level[0] / mid - 1) * 10_000 <= bps * (1 + 1e-9)]


def decayed(side: Levels, mid: float) -> float:
    return fsum(quantity * exp(-abs(price / mid - 1) * 2000) for price, quantity in side[:20])


def walk(side: Levels, amount: float, *, is_money: bool = False) -> float | None:
    """The quote asset that so many base units cost, level by level; or the base units that so much money buys."""
    base, quote, left = 0.0, 0.0, amount
    for price, there in side[:20]:
        used = min(there, left / price if is_money else left)
        base, quote, left = base + used, quote + used * price, left - (used * price if is_money else used)
    return None if left > 1e-9 else base if is_money else quote


def vamp(bids: Levels, asks: Levels, _: float) -> float | None:
    if min(len(bids), len(asks)) < 10:
        return None
    both = list(zip(bids[:10], asks[:10], strict=True))
    return fsum(b[0] * a[1] + a[0] * b[1] for b, a in both) / fsum(b[1] + a[1] for b, a in both)


def effective_vamp(bids: Levels, asks: Levels, _: float) -> float | None:
    if not (bids and asks):
        return None
    crossed = notional(bids) / total(bids) * total(asks) + notional(asks) / total(asks) * total(bids)
    return crossed / (total(bids) + total(asks))


def depth_price(bids: Levels, asks: Levels, _: float) -> float | None:
    costs = walk(bids, 0.05), walk(asks, 0.05)
    return None if None in costs else fsum(costs) / 0.1  # type: ignore[arg-type]


def slippage(_: Levels, asks: Levels, mid: float) -> float | None:
    bought = walk(asks, 10_000, is_money=True)
    return bought and (10_000 / bought / mid - 1) * 10_000


WHOLE: dict[str, tuple[Definition, int]] = {  # and how far in bps the levels count, which have to reach there; 0: all
    "Spread": (lambda b, a, mid: (a[0][0] - b[0][0]) / mid * 10_000, 0),
    "Weighted mid": (lambda b, a, _: (b[0][0] * a[0][1] + a[0][0] * b[0][1]) / (b[0][1] + a[0][1]), 0),
    "VAMP over levels": (vamp, 0),
    "Effective VAMP within a distance": (effective_vamp, 50),
    "Weighted-depth price of a quantity": (depth_price, 0),
    "Queue imbalance": (lambda b, a, _: balance(b[0][1], a[0][1]), 0),
    "Static imbalance by quantity": (lambda b, a, _: balance(total(b[:10]), total(a[:10])), 0),
    "Static imbalance by notional": (lambda b, a, _: balance(notional(b[:10]), notional(a[:10])), 0),
    "Imbalance within a distance": (lambda b, a, _: balance(notional(b), notional(a)), 10),
    "Imbalance within a distance by quantity": (lambda b, a, _: balance(total(b), total(a)), 50),
    "Distance-decayed imbalance": (lambda b, a, mid: balance(decayed(b, mid), decayed(a, mid)), 0),
    "Ratio of bids to asks": (lambda b, a, _: total(b[:20]) / total(a[:20]), 0),
    "Depth in the quote asset": (lambda b, a, _: notional(b) + notional(a), 50),
    "Depth in base units": (lambda b, a, _: total(b) + total(a), 50),
    "Binance bookDepth bands": (lambda b, _, mid: notional(b), 100),
    "Average price within a distance": (lambda _, a, mid: notional(a) / total(a) if a else None, 20),
    "Slippage of an order": (slippage, 0),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of the records that come back from items, one minute each."""
    path = tmp_path_factory.mktemp("stored") / "records.jsonl"
    books = enumerate(whole_books())
    found = [full_record(symbol, book, limit, START + 60 * minute) for minute, (symbol, book, limit) in books]
    return str(write_lines(path, *(record_from_item(item_from_record(record, 60)) for record in found)))


def computed(stored: str, expression: str) -> list[float | None]:
    relation = read(stored).query("records", f"SELECT {expression} FROM records {HOUR} ORDER BY slot")
    return [value if value is None or math.isfinite(value) else None for (value,) in relation.fetchall()]


def expected(case: BOOK, name: str) -> float | None:
    _, book, limit = case
    definition, bps = WHOLE[name]
    bids, asks, mid = side_levels(book.bids), side_levels(book.asks), book.mid
    if not (bids and asks and mid):
        return None
    for side in {"bids": [bids], "asks": [asks]}.get(ONE_SIDED.get(name, ""), [bids, asks]):
        if bps and len(side) == limit and abs(side[-1][0] / mid - 1) * 10_000 < bps * (1 - 1e-9):
            return None
    if bps:
        bids, asks = within(bids, mid, bps), within(asks, mid, bps)
    return definition(bids, asks, mid)


@pytest.mark.parametrize("name", WHOLE)
def test_equal_to_the_whole_book(stored: str, name: str) -> None:
    """Within 1e-7 of its size, or of its scale for what lies in [-1, 1]; null exactly where it cannot be known."""
    worst, known = 0.0, 0
    for found, case in zip(computed(stored, DEFINITIONS[name]), whole_books(), strict=True):
        exact = expected(case, name)
        assert (found is None) == (exact is None), (case[0], found, exact)
        if found is not None and exact is not None:
            scale = max(abs(exact), 1.0) if "mbalance" in name else abs(exact)
            worst, known = max(worst, abs(found - exact) / scale if scale else abs(found)), known + 1
    assert known > len(whole_books()) / 10
    assert worst <= (TOLERANCE if WHOLE[name][1] else 1e-9)


def test_standardised(stored: str) -> None:
    """The window is the last hour of the pair, and the deviation that of the whole population."""
    found = computed(stored, DEFINITIONS["Standardised imbalance"])
    past: dict[str, list[tuple[int, float]]] = {}
    worst = 0.0
    for minute, (value, (symbol, book, _)) in enumerate(zip(found, whole_books(), strict=True)):
        if book.mid is None:
            continue
        now = total(side_levels(book.bids)[:20]) - total(side_levels(book.asks)[:20])
        past.setdefault(symbol, []).append((minute, now))
        window = [each for at, each in past[symbol] if at >= minute - 60]
        deviation = pstdev(window)
        assert (value is None) == (deviation == 0)
        if value is not None:
            worst = max(worst, abs(value - (now - fsum(window) / len(window)) / deviation))
    assert worst <= 1e-7


def test_large_order_is_bracketed(stored: str) -> None:
    """The estimate lies between the two rungs where the whole book reaches the order's size; else it is null."""
    rungs = (0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500)
    known = 0
    for found, (_, book, limit) in zip(
        computed(stored, DEFINITIONS["Slippage of a large order, an estimate"]), whole_books(), strict=True
    ):
        asks, mid = side_levels(book.asks), book.mid
        if not (asks and mid):
            assert found is None
            continue
        sums = accumulate(price * quantity for price, quantity in asks)
        reach = next((price for (price, _), cost in zip(asks, sums, strict=True) if cost >= 250_000), None)
        bps = inf if reach is None else (reach / mid - 1) * 10_000
        last = (asks[-1][0] / mid - 1) * 10_000 if len(asks) == limit else inf
        upper = next((rung for rung in rungs if rung >= bps and rung <= last), None)
        assert (found is None) == (upper is None)
        if found is not None and upper is not None:
            known += 1
            assert max(rung for rung in rungs if rung < upper) - 1e-6 <= found <= upper + 1e-6
    assert known > 20


def test_every_definition_is_tested() -> None:
    others = {"Standardised imbalance", "Slippage of a large order, an estimate"}
    assert set(DEFINITIONS) == set(WHOLE) | others
