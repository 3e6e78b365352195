"""Depth by distance from mid is what exact fractions say, the edge included, and agrees with depth by levels."""

import json
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handler.book import Book, Measurement, measure
from handler.exchanges.binance import parse_depth

Levels = list[tuple[str, str]]

prices = st.integers(1, 400).map(lambda ticks: f"{ticks / 8:.3f}") | st.decimals("0.00000001", "99999", places=8).map(
    "{:f}".format
)
quantities = st.sampled_from(["0.00000000", "1", "0.5", "92233720368.54775807"]) | st.decimals(
    "0.00000001", "1000", places=8
).map("{:f}".format)
levels_of_a_side = st.lists(st.tuples(prices, quantities), max_size=25, unique_by=lambda level: Fraction(level[0]))
distances = st.sampled_from([1, 10, 50, 1000, 5000]) | st.integers(1, 5000)


def book(bids: Levels, asks: Levels, limit: int = 5000) -> Book:
    """The response to a request with this limit: each side sorted, best price first."""
    sides = {
        "bids": sorted(bids, key=lambda level: -Fraction(level[0]))[:limit],
        "asks": sorted(asks, key=lambda level: Fraction(level[0]))[:limit],
    }
    return parse_depth(json.dumps(sides | {"lastUpdateId": 1}).encode())


class Expected(NamedTuple):
    """What exact fractions make of a book."""

    notional_bid: Fraction
    notional_ask: Fraction
    covered: bool | None
    levels_bid: int
    levels_ask: int


def expected(bids: Levels, asks: Levels, limit: int, bps: int) -> Expected:
    """The definition, word by word: every level that is not beyond the edge."""
    exact_bids = sorted(((Fraction(p), Fraction(q)) for p, q in bids), reverse=True)[:limit]
    exact_asks = sorted((Fraction(p), Fraction(q)) for p, q in asks)[:limit]
    if not (exact_bids and exact_asks):
        return Expected(Fraction(0), Fraction(0), None, 0, 0)
    mid = (exact_bids[0][0] + exact_asks[0][0]) / 2
    low, high = mid * (1 - Fraction(bps, 10_000)), mid * (1 + Fraction(bps, 10_000))
    inside_bids = [(p, q) for p, q in exact_bids if p >= low]
    inside_asks = [(p, q) for p, q in exact_asks if p <= high]
    bids_covered = len(exact_bids) < limit or exact_bids[-1][0] <= low
    asks_covered = len(exact_asks) < limit or exact_asks[-1][0] >= high
    return Expected(
        sum((p * q for p, q in inside_bids), Fraction(0)),
        sum((p * q for p, q in inside_asks), Fraction(0)),
        bids_covered and asks_covered,
        len(inside_bids),
        len(inside_asks),
    )


def rounded(exact: Fraction) -> float:
    return float(round(exact, 6)) + 0.0


def check(found: Measurement, want: Expected) -> None:
    total = want.notional_bid + want.notional_ask
    assert (found.levels_bid, found.levels_ask, found.covered) == (want.levels_bid, want.levels_ask, want.covered)
    assert (found.notional_bid, found.notional_ask) == (rounded(want.notional_bid), rounded(want.notional_ask))
    assert found.obi == (rounded((want.notional_bid - want.notional_ask) / total) if total else 0.0)


@given(levels_of_a_side, levels_of_a_side, st.integers(1, 30), distances)
@example([("99.9", "1"), ("99.8", "2")], [("100.1", "1"), ("100.2", "2")], 2, 10)  # both edges are prices
@example([("99.9", "1")], [("100.1", "1")], 1, 10)  # the last level is at the edge
@example([("101", "1")], [("99", "1")], 1, 100)  # crossed
@example([("99", "1")], [("101", "1")], 5, 10)  # nothing within the distance
def test_exact(bids: Levels, asks: Levels, limit: int, bps: int) -> None:
    """Amounts, `covered` and the levels used are those of exact arithmetic, for crossed and one-sided books too."""
    check(measure(book(bids, asks, limit), limit, bps), expected(bids, asks, limit, bps))


@given(levels_of_a_side.filter(bool), levels_of_a_side.filter(bool), distances)
def test_agreement_with_levels(bids: Levels, asks: Levels, bps: int) -> None:
    """A distance measures what as many levels do, where both sides have as many."""
    sent = book(bids, asks)
    within = measure(sent, 1000, bps)
    if within.levels_bid and within.levels_bid == within.levels_ask:
        same = measure(sent, within.levels_bid)
        assert same._replace(covered=within.covered) == within


@given(levels_of_a_side.filter(bool), levels_of_a_side.filter(bool))
def test_wider_distance(bids: Levels, asks: Levels) -> None:
    """A wider distance never holds less."""
    found = [measure(book(bids, asks), 1000, bps) for bps in (1, 10, 100, 1000, 5000)]
    for key in ("notional_bid", "notional_ask", "levels_bid", "levels_ask"):
        assert sorted(getattr(one, key) for one in found) == [getattr(one, key) for one in found]


@given(levels_of_a_side.filter(bool), levels_of_a_side.filter(bool))
def test_microprice(bids: Levels, asks: Levels) -> None:
    """The microprice lies between the best prices, and is None if nothing is offered at them."""
    found = measure(book(bids, asks), 5)
    assert found.best_bid is not None
    assert found.best_ask is not None
    if found.best_bid_quantity or found.best_ask_quantity:
        assert found.microprice is not None
        low, high = sorted((found.best_bid, found.best_ask))
        assert low <= found.microprice <= high
    else:
        assert found.microprice is None


@pytest.mark.parametrize(("bid_quantity", "microprice"), [("1", 100.0), ("3", 100.5), ("0", 99.0)])
def test_microprice_shift(bid_quantity: str, microprice: float) -> None:
    """The microprice moves away from the side with more quantity at its best price."""
    assert measure(book([("99", bid_quantity)], [("101", "1")]), 1).microprice == microprice


def test_both_at_once() -> None:
    """All details of a distance are those of the levels within it."""
    found = measure(book([("99.95", "2"), ("99.5", "1")], [("100.05", "1"), ("102", "9")]), 2, bps=50)
    assert (found.levels_bid, found.levels_ask, found.covered) == (2, 1, True)
    assert (found.reach_bid_bps, found.reach_ask_bps) == (50.0, 5.0)
    assert found.obi_quantity == 0.5


@pytest.mark.parametrize(("bids", "asks"), [([("99", "1")], []), ([], [("101", "1")]), ([], [])])
def test_no_mid(bids: Levels, asks: Levels) -> None:
    """Without a mid price nothing is within a distance, and `covered` says so; levels are measured."""
    found = measure(book(bids, asks), 1000, 10)
    assert (found.obi, found.notional_bid, found.notional_ask, found.covered) == (0.0, 0.0, 0.0, None)
    assert bool(measure(book(bids, asks), 1000).notional_bid) == bool(bids)
