"""A book's numbers are the exact decimal results, whatever the book looks like."""

import json
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.book import Book, Measurement, measure
from handler.errors import InvalidBook
from handler.exchanges.binance import parse_depth

prices = st.decimals("0.00000001", "1000000", places=8)
quantities = st.decimals("0", "92233720368.54775807", places=8)
sides = st.lists(st.tuples(prices, quantities), max_size=30)
depths = st.integers(1, 40)


def body(bids: object, asks: object, update_id: object = 7) -> bytes:
    return json.dumps({"lastUpdateId": update_id, "bids": bids, "asks": asks}).encode()


def book(bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]]) -> Book:
    return parse_depth(body([[f"{p:f}", f"{q:f}"] for p, q in bids], [[f"{p:f}", f"{q:f}"] for p, q in asks]))


def rounded(exact: Decimal) -> float:
    return float(round(exact, 6)) + 0.0


def imbalance(bid: Decimal, ask: Decimal) -> float | None:
    return rounded((bid - ask) / (bid + ask)) if bid + ask else None


@given(sides, sides, depths)
def test_exact_arithmetic(bids, asks, levels):  # type: ignore[no-untyped-def]
    """Sums and imbalances are those of exact decimal arithmetic, rounded once."""
    found = measure(book(bids, asks), levels)
    with localcontext(Context(prec=200)):
        bid = sum((p * q for p, q in bids[:levels]), Decimal(0))
        ask = sum((p * q for p, q in asks[:levels]), Decimal(0))
        assert (found.notional_bid, found.notional_ask) == (rounded(bid), rounded(ask))
        assert found.obi == (imbalance(bid, ask) or 0.0)
        quantity = sum((q for _, q in bids[:levels]), Decimal(0)), sum((q for _, q in asks[:levels]), Decimal(0))
        assert found.obi_quantity == imbalance(*quantity)


@given(sides, sides, depths)
def test_symmetry(bids, asks, levels):  # type: ignore[no-untyped-def]
    """An imbalance is within [-1, 1], and swapping the sides flips its sign."""
    found, swapped = measure(book(bids, asks), levels), measure(book(asks, bids), levels)
    assert -1 <= found.obi <= 1
    assert (swapped.obi, swapped.notional_bid, swapped.notional_ask) == (
        -found.obi,
        found.notional_ask,
        found.notional_bid,
    )


@given(sides, sides, depths, st.sampled_from([2, 5, 10, 1000]))
def test_scale(bids, asks, levels, factor):  # type: ignore[no-untyped-def]
    """Scaling every quantity changes no imbalance."""
    scaled = [[(p, q * factor) for p, q in side] for side in (bids, asks)]
    found, after = measure(book(bids, asks), levels), measure(book(scaled[0], scaled[1]), levels)
    assert (after.obi, after.obi_quantity) == (found.obi, found.obi_quantity)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes(garbage):  # type: ignore[no-untyped-def]
    """Any bytes are a book or an InvalidBook."""
    try:
        found = parse_depth(garbage)
    except InvalidBook:
        return
    assert isinstance(found, Book)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(json_values, json_values, json_values)
def test_any_side(bids, asks, update_id):  # type: ignore[no-untyped-def]
    """Any JSON in the place of a side gives finite numbers or an InvalidBook."""
    try:
        found = measure(parse_depth(body(bids, asks, update_id)), 5)
    except InvalidBook:
        return
    assert all(value is None or abs(value) < 1e40 for value in found)


@pytest.mark.parametrize(
    "level",
    [
        "12",
        {"0": "1", "1": "2"},
        [],
        ["1"],
        ["1", "1", []],
        [None, "1"],
        [True, "1"],
        ["1", "x"],
        ["", "1"],
        ["nan", "1"],
        ["1", "inf"],
        ["1e400", "1"],
        ["-1", "1"],
        ["1", "-1"],
        ["0", "1"],
        ["1_0", "1"],
        ["1", "0e-99999999999999999999"],
        ["١", "1"],
        [["1"], "1"],
        None,
        5,
    ],
)
def test_invalid_level(level):  # type: ignore[no-untyped-def]
    """A level that is not a pair of numbers makes the whole book invalid."""
    with pytest.raises(InvalidBook):
        parse_depth(body([["1", "1"], level], [["2", "1"]]))


@pytest.mark.parametrize(
    "garbage", [b"", b"null", b"[]", b'{"bids":[]}', b"<html>", b"[" * 100_000, b'{"bids":{},"asks":[]}']
)
def test_missing_side(garbage: bytes) -> None:
    """A body without both sides is invalid."""
    with pytest.raises(InvalidBook):
        parse_depth(garbage)


def test_known_book() -> None:
    """A known book gives known numbers."""
    found = measure(parse_depth(body([["99.00", "2"], ["98", "1"]], [["101.00", "1"], ["104.00", "1"]], 42)), 2)
    assert found == Measurement(
        obi=0.181637,  # (296 - 205) / 501
        notional_bid=296.0,
        notional_ask=205.0,
        covered=None,
        obi_quantity=0.2,
        best_bid=99.0,
        best_bid_quantity=2.0,
        best_ask=101.0,
        best_ask_quantity=1.0,
        mid=100.0,
        microprice=100.333333333333333,  # (101 * 2 + 99 * 1) / 3
        spread_bps=200.0,
        levels_bid=2,
        levels_ask=2,
        reach_bid_bps=200.0,
        reach_ask_bps=400.0,
        last_update_id=42,
    )


def test_without_detail() -> None:
    """Without detail only the amounts are computed, and they are the same."""
    known = parse_depth(body([["99.00", "2"], ["98", "1"]], [["101.00", "1"], ["104.00", "1"]], 42))
    for bps in (None, 100):
        plain, detailed = measure(known, 2, bps, detail=False), measure(known, 2, bps)
        assert plain[:4] == detailed[:4]
        assert set(plain[4:]) == {None}


def test_empty_side() -> None:
    """What cannot be computed of an empty side is None, never 0."""
    found = measure(parse_depth(body([["99", "2"]], [])), 5)
    assert (found.obi, found.notional_ask, found.levels_ask) == (1.0, 0.0, 0)
    assert (found.best_ask, found.best_ask_quantity, found.mid, found.microprice) == (None,) * 4
    assert (found.spread_bps, found.reach_bid_bps, found.reach_ask_bps) == (None,) * 3


def test_empty_book() -> None:
    """An empty book measures 0, and its quantity imbalance is None."""
    found = measure(parse_depth(body([], [])), 5)
    assert (found.obi, found.notional_bid, found.notional_ask, found.obi_quantity) == (0.0, 0.0, 0.0, None)


def test_exponent() -> None:
    """Numbers with an exponent are numbers."""
    written = measure(parse_depth(body([["1e-08", "3E+2"]], [["0.00000002", "1"]])), 5)
    assert written == measure(parse_depth(body([["0.00000001", "300"]], [["0.00000002", "1"]])), 5)


def test_crossed_book() -> None:
    """A crossed book has a negative spread."""
    assert measure(parse_depth(body([["101", "1"]], [["99", "1"]])), 1).spread_bps == -200.0


def test_numbers_without_quotes() -> None:
    """Numbers without quotes count like those in quotes."""
    bare = b'{"lastUpdateId":7,"bids":[[0.1,3]],"asks":[[0.3,1]]}'
    assert measure(parse_depth(bare), 5) == measure(parse_depth(body([["0.1", "3"]], [["0.3", "1"]])), 5)


@pytest.mark.parametrize(
    ("price", "quantity", "notional"),
    [
        ("567.713", "0.0095", 5.393274),  # 5.3932735, and 5.393273 by floats
        ("239.875", "0.6055", 145.244312),  # 145.2443125, and 145.244313 by floats
    ],
)
def test_tie(price: str, quantity: str, notional: float) -> None:
    """Half a unit in the last place is rounded to even, whatever the sum of floats is."""
    assert measure(parse_depth(body([[price, quantity]], [["1000", "1"]])), 5).notional_bid == notional


@pytest.mark.parametrize(
    "level", [["1e-18", "1"], ["999999999999999999e-1", "1"], ["1", "0.5"], ["1", "0"], ["1", "9e17"]]
)
def test_limits_of_a_level(level: list[str]) -> None:
    """A price and a quantity may be that small and that large."""
    assert parse_depth(body([level], [])).bids.levels == [(float(level[0]), float(level[1]))]


@pytest.mark.parametrize(
    "level", [["9e-19", "1"], ["1e18", "1"], ["1", "-0.5"], ["1", "1e18"], ["1", "0E-99999999999999999999"]]
)
def test_level_out_of_range(level: list[str]) -> None:
    """A level beyond these limits makes the book invalid."""
    with pytest.raises(InvalidBook):
        parse_depth(body([level], []))


def test_no_negative_zero() -> None:
    """What rounds to zero from below is 0.0."""
    found = measure(parse_depth(body([["100000.00000001", "1"]], [["100000", "1.0000000000002"]])), 1)
    assert [str(found.obi), str(found.spread_bps), str(found.obi_quantity)] == ["0.0"] * 3


def test_update_id_in_quotes() -> None:
    """The update ID may be in quotes too."""
    assert parse_depth(body([], [], "7")).last_update_id == 7


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_reach(levels: int) -> None:
    """The reach of a side is that of the last level used."""
    bids = [["99", "1"], ["98", "1"], ["97", "1"]]
    asks = [["101", "1"], ["103", "1"], ["105", "1"]]
    found = measure(parse_depth(body(bids, asks)), levels)
    assert (found.reach_bid_bps, found.reach_ask_bps) == (100.0 * levels, 100.0 * (2 * levels - 1))


def test_balanced_book() -> None:
    """Equal sides measure 0, which is not the same as nothing on either side."""
    found = measure(parse_depth(body([["100", "2"]], [["100", "2"]])), 5)
    assert (found.obi, found.obi_quantity) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("bid", "ask", "obi"), [("10000015", "9999985", 2e-6), ("10000025", "9999975", 2e-6), ("9999995", "10000005", 0.0)]
)
def test_tie_of_imbalance(bid: str, ask: str, obi: float) -> None:
    """Half a unit in the last place of an imbalance (1.5, 2.5 and -0.5 millionths) is rounded to even."""
    found = measure(parse_depth(body([[bid, "1"]], [[ask, "1"]])), 5)
    assert found.obi == obi
