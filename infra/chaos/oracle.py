"""What a record must say, worked out from the exchange's bytes by exact fractions: shares no code with the product."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

NUMBERS = (
    *("obi", "notional_bid", "notional_ask", "levels", "obi_quantity", "best_bid", "best_ask", "mid", "spread_bps"),
    *("levels_bid", "levels_ask", "reach_bid_bps", "reach_ask_bps", "last_update_id"),
)
"""The keys of a record that follow from the body alone."""

Values = dict[str, float | None]
Level = tuple[Fraction, Fraction]


def expected(body: bytes, levels: int) -> Values:
    """The numbers of a record of this body at this depth; None is null."""
    book = json.loads(body)
    bids, asks = _side(book["bids"][:levels]), _side(book["asks"][:levels])
    bid, ask = _money(bids), _money(asks)
    mid = (bids[0][0] + asks[0][0]) / 2 if bids and asks else None
    return {
        "obi": _share(bid, ask) or 0.0,
        "notional_bid": _rounded(bid),
        "notional_ask": _rounded(ask),
        "levels": levels,
        "obi_quantity": _share(
            sum((size for _, size in bids), Fraction()), sum((size for _, size in asks), Fraction())
        ),
        "best_bid": float(bids[0][0]) if bids else None,
        "best_ask": float(asks[0][0]) if asks else None,
        "mid": None if mid is None else float(mid),
        "spread_bps": None if mid is None else _rounded((asks[0][0] - bids[0][0]) / mid * 10_000),
        "levels_bid": len(bids),
        "levels_ask": len(asks),
        "reach_bid_bps": None if mid is None else _rounded((mid - bids[-1][0]) / mid * 10_000),
        "reach_ask_bps": None if mid is None else _rounded((asks[-1][0] - mid) / mid * 10_000),
        "last_update_id": book["lastUpdateId"],
    }


def agrees(record: dict[str, Any], body: bytes) -> bool:
    """Whether a record says of this body what is true."""
    try:
        wanted = expected(body, int(record["levels"]))
    except (ValueError, KeyError):  # a body that was cut, or that lacks a side
        return False
    return all(record.get(key) == wanted[key] for key in NUMBERS)


def plain(item: dict[str, dict[str, str]]) -> dict[str, Any]:
    """A table item as key → value, numbers as exact decimals."""
    return {key: Decimal(value["N"]) if "N" in value else value["S"] for key, value in item.items()}


def same(record: dict[str, Any], item: dict[str, Any]) -> bool:
    """Whether a line and an item are the same record, number by number as decimals, null as left out."""
    for key, value in record.items():
        stored = item.get(key)
        if (Decimal(repr(value)) if isinstance(value, int | float) else value) != stored:
            return False
    return True


def _side(levels: list[list[str]]) -> list[Level]:
    return [(Fraction(price), Fraction(size)) for price, size, *_ in levels]


def _money(side: list[Level]) -> Fraction:
    return sum((price * size for price, size in side), Fraction())


def _share(bid: Fraction, ask: Fraction) -> float | None:
    return _rounded((bid - ask) / (bid + ask)) if bid + ask else None


def _rounded(value: Fraction) -> float:
    return float(round(value, 6))
