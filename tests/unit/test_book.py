"""A book's numbers equal those of exact arithmetic, whatever the book looks like."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.book import RUNGS_BPS, Book, Measurement, measure, measure_depth, parse_depth
from handler.errors import InvalidBook

Levels = list[tuple[Decimal, Decimal]]

prices = st.decimals("0.00000001", "1000000", places=8)
near_prices = st.integers(9_400, 10_600).map(lambda ticks: Decimal(ticks).scaleb(-2))  # rungs and edges around 100
quantities = st.decimals("0.00000001", "92233720368.54775807", places=8)
limits = st.sampled_from([1, 5, 20, 1000])


def sides(of: st.SearchStrategy[Decimal], *, best_first: bool) -> st.SearchStrategy[Levels]:
    levels = st.lists(st.tuples(of, quantities), max_size=19, unique_by=lambda level: float(level[0]))
    return levels.map(lambda side: sorted(side, key=lambda level: level[0], reverse=best_first))


bids, asks = (sides(prices, best_first=first) for first in (True, False))
near_bids, near_asks = (sides(near_prices, best_first=first) for first in (True, False))


def body(bids: object, asks: object, update_id: object = 7, **others: object) -> bytes:
    return json.dumps({"lastUpdateId": update_id, "bids": bids, "asks": asks, **others}).encode()


def book(bids: Levels, asks: Levels) -> Book:
    return parse_depth(body([[f"{p:f}", f"{q:f}"] for p, q in bids], [[f"{p:f}", f"{q:f}"] for p, q in asks]))


def total(side: Levels) -> Fraction:
    return sum((Fraction(p) * Fraction(q) for p, q in side), Fraction(0))


def assert_near(found: float, exact: Fraction, relative: float = 0.0) -> None:
    assert abs(Fraction(found) - exact) <= Fraction(1, 10**6) + abs(exact) * Fraction(relative)


@given(bids, asks, st.integers(1, 25))
def test_six_keys(bids: Levels, asks: Levels, levels: int) -> None:
    """Sums and imbalance are those of exact arithmetic within 1e-6, and double precision of large sums."""
    found = measure(book(bids, asks), levels)
    bid, ask = total(bids[:levels]), total(asks[:levels])
    assert_near(found.notional_bid, bid, 1e-15)
    assert_near(found.notional_ask, ask, 1e-15)
    assert_near(found.obi, (bid - ask) / (bid + ask) if bid + ask else Fraction(0))
    assert found == tuple(round(value, 6) for value in found)


def expected_ladder(side: Levels, mid: Fraction, limit: int, sign: int) -> tuple[list[Fraction], list[Fraction]]:
    """Cumulative notionals and quantities, as far as they were measured."""
    notionals, amounts = [], []
    for bps in RUNGS_BPS:
        edge = mid * (1 + sign * Fraction(bps, 10_000))
        if len(side) == limit and sign * (Fraction(side[-1][0]) - edge) < 0:
            break
        within = [(p, q) for p, q in side if sign * (Fraction(p) - edge) <= 0]
        notionals.append(total(within))
        amounts.append(sum((Fraction(q) for _, q in within), Fraction(0)))
    return notionals, amounts


def assert_ladder(found: Sequence[float], exact: Sequence[Fraction]) -> None:
    assert found == [float(f"{one:.8g}") for one in found]
    assert len(found) == len(exact)
    for one, other in zip(found, exact, strict=True):
        assert abs(Fraction(one) - other) <= abs(other) * Fraction(51, 10**9)  # 8 significant digits, and double


@given(near_bids, near_asks, limits)
def test_ladder(bids: Levels, asks: Levels, limit: int) -> None:
    """A rung is missing exactly where the levels that came do not reach it; edges are included; nothing there is 0."""
    bids, asks = bids[:limit], asks[:limit]
    found = measure_depth(book(bids, asks), limit)
    top = {"bid_levels": len(bids), "bids": bids, "ask_levels": len(asks), "asks": asks}
    assert {key: found.get(key) for key in top} == top
    if not (bids and asks):
        assert found == top
        return
    mid = (Fraction(bids[0][0]) + Fraction(asks[0][0])) / 2
    for name, side, sign in (("bid", bids, -1), ("ask", asks, 1)):
        exact_notionals, exact_amounts = expected_ladder(side, mid, limit, sign)
        assert_ladder(found[f"notional_{name}_within"], exact_notionals)
        assert_ladder(found[f"quantity_{name}_within"], exact_amounts)
        reach = abs(Fraction(side[-1][0]) / mid - 1) * 10_000
        error = abs(Fraction(found[f"{name}_reach_bps"]) - reach)
        assert error <= reach * Fraction(51, 10**5) + Fraction(1, 10**9)
        assert found[f"{name}_reach_bps"] == float(f"{found[f'{name}_reach_bps']:.4g}")


@pytest.mark.parametrize(
    ("count", "limit", "rungs"), [(25, 1000, 8), (25, 25, 8), (19, 1000, 11), (24, 25, 8), (1000, 1000, 11)]
)
def test_cap(count: int, limit: int, rungs: int) -> None:
    """A long book whose sides are equally long and short of the limit was cut off: nothing is measured beyond it."""
    bids = [(Decimal(100) - Decimal(index).scaleb(-1), Decimal(1)) for index in range(count)]
    asks = [(Decimal("200.1") - price, quantity) for price, quantity in bids]
    found = measure_depth(book(bids, asks), limit)
    assert len(found["notional_bid_within"]) == len(found["quantity_ask_within"]) == rungs


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(json_values, json_values, json_values)
def test_any_side(bids: object, asks: object, update_id: object) -> None:
    """Any JSON in the place of a side gives finite numbers or an InvalidBook."""
    try:
        found = parse_depth(body(bids, asks, update_id))
    except InvalidBook:
        return
    assert all(abs(value) < 1e40 for value in measure(found, 5))
    measure_depth(found, 5)


@pytest.mark.parametrize(
    "level",
    [
        *("12", {"0": "1", "1": "2"}, [], ["1"], ["1", "1", []], [None, "1"], [True, "1"], ["1", "x"], ["", "1"]),
        *(["nan", "1"], ["1", "inf"], ["1e400", "1"], ["-1", "1"], ["1", "-1"], ["0", "1"], ["9e-19", "1"], None),
        *(["1", "0e-99999999999999999999"], ["١", "1"], ["1_0", "1"], ["1e18", "1"], ["1", "1e18"], ["2", "1"]),
    ],
)
def test_invalid_level(level: Any) -> None:
    """A level that is not a price and a quantity, or not in order, makes the whole book invalid."""
    with pytest.raises(InvalidBook):
        parse_depth(body([["1", "1"], level], [["2", "1"]]))


@pytest.mark.parametrize(
    "garbage",
    [
        *(b"", b'{"bids":[["\xff","1"]],"asks":[]}', b"null", b'{"bids":[]}', b"[" * 100_000, b'{"bids":{},"asks":[]}'),
        body([["1", "1"]], [["3", "1"], ["2", "1"]]),
        body([["2", "1"], ["2.0", "1"]], [["3", "1"]]),
        body([["2", "1"]], [["3", "1"]], symbol="ETHUSDT"),
    ],
)
def test_invalid_body(garbage: bytes) -> None:
    """A body without both sides, with a side that is not sorted or has a price twice, or of another pair is invalid."""
    with pytest.raises(InvalidBook):
        parse_depth(garbage, "BTCUSDT")


def test_known_book() -> None:
    """A known book gives known numbers, and the digits that the exchange wrote."""
    known = parse_depth(body([["99.00", "2"], ["98", "1.50"]], [["101.00", "1"], ["104.00", "1"]], 42, T=1_000))
    assert measure(known, 2) == Measurement(obi=0.254545, notional_bid=345.0, notional_ask=205.0)  # 140 / 550
    assert (known.last_update_id, known.exchange_time_ms, known.mid) == (42, 1000, 100.0)
    found = measure_depth(known, 5)
    assert (found["bid_reach_bps"], found["ask_reach_bps"]) == (200.0, 400.0)
    assert found["notional_bid_within"] == [0.0] * 6 + [198.0] + [345.0] * 4  # 99 lies on the rung of 100 bps


def test_levels_without_quantity() -> None:
    """Levels without quantity are left out of sums and top levels, but count as levels that came."""
    found = parse_depth(body([["99", "0.000"], ["98", "1"]], [["101", "1"], ["102", "0"]]))
    depth = measure_depth(found, 2)
    assert (found.mid, depth["bid_levels"], depth["ask_levels"]) == (99.5, 2, 2)
    assert (depth["bids"], depth["asks"]) == ([(Decimal(98), Decimal(1))], [(Decimal(101), Decimal(1))])


def test_numbers() -> None:
    """Numbers may have an exponent; those without quotes count like those in quotes, and keep their digits."""
    assert measure(parse_depth(body([["1e-08", "3E+2"]], [])), 5) == Measurement(1.0, 3e-06, 0.0)
    bare = parse_depth(b'{"lastUpdateId":"7","bids":[[0.1,92233720368.54775807]],"asks":[[0.3,1]]}')
    assert bare.bids.top(20) == [(Decimal("0.1"), Decimal("92233720368.54775807"))]
    assert bare.last_update_id == 7


def test_rungs() -> None:
    """Stored ladders keep their meaning: rungs are only ever appended."""
    assert RUNGS_BPS[:11] == (1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500)
