"""What a record must say, worked out from the exchange's bytes by exact fractions: shares no code with the product."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from infra.chaos.series import FUTURES, SPOT

Values = dict[str, str | float | None]
Level = tuple[Fraction, Fraction]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def expected(body: bytes, levels: int, bps: int | None = None) -> Values:
    """What follows from this body for a record of this depth; None is null. With `bps`, `levels` is the limit."""
    book = json.loads(body)
    bids, asks = _levels(book["bids"][:levels]), _levels(book["asks"][:levels])
    mid = (bids[0][0] + asks[0][0]) / 2 if bids and asks else None
    values: Values = {"levels": levels, "last_update_id": book["lastUpdateId"], **_quotes(bids, asks, mid)}
    values["market"] = FUTURES if "T" in book else SPOT
    values["exchange_time"] = _time(book["T"]) if "T" in book else None
    values["bps"] = values["covered"] = None
    if bps is not None:
        values["bps"] = bps
        if mid is None:
            bids = asks = []
        else:
            low, high = mid * (10_000 - bps) / 10_000, mid * (10_000 + bps) / 10_000
            bids_covered = len(bids) < levels or bids[-1][0] <= low
            asks_covered = len(asks) < levels or asks[-1][0] >= high
            values["covered"] = bids_covered and asks_covered
            bids, asks = [bid for bid in bids if bid[0] >= low], [ask for ask in asks if ask[0] <= high]
    return values | _amounts(bids, asks, mid)


def agrees(record: dict[str, Any], body: bytes) -> bool:
    """Whether a record says of this body what is true."""
    bps = record.get("bps")
    try:
        wanted = expected(body, int(record["levels"]), None if bps is None else int(bps))
    except (ValueError, KeyError):  # a body that was cut, or that lacks a side
        return False
    return all(record.get(key) == value for key, value in wanted.items())


def plain(item: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A table item as key → value, numbers as exact decimals."""
    return {key: Decimal(value["N"]) if "N" in value else next(iter(value.values())) for key, value in item.items()}


def same(record: dict[str, Any], item: dict[str, Any]) -> bool:
    """Whether a line and an item are the same record, number by number as decimals, null as left out."""
    return all(item.get(key) == _stored(value) for key, value in record.items())


def _stored(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(repr(value)) if is_number else value


def _levels(side: list[list[str]]) -> list[Level]:
    return [(Fraction(price), Fraction(quantity)) for price, quantity, *_ in side]


def _quotes(bids: list[Level], asks: list[Level], mid: Fraction | None) -> Values:
    """The best prices and what follows from them: the same at every depth."""
    values: Values = dict.fromkeys(("mid", "microprice", "spread_bps"))
    for name, side in (("best_bid", bids), ("best_ask", asks)):
        values[name] = float(side[0][0]) if side else None
        values[f"{name}_quantity"] = float(side[0][1]) if side else None
    if mid is not None:
        (bid, bid_quantity), (ask, ask_quantity) = bids[0], asks[0]
        values["mid"] = float(mid)
        values["spread_bps"] = _rounded((ask - bid) / mid * 10_000)
        if total := bid_quantity + ask_quantity:
            values["microprice"] = float((ask * bid_quantity + bid * ask_quantity) / total)
    return values


def _amounts(bids: list[Level], asks: list[Level], mid: Fraction | None) -> Values:
    """The sums over these levels, and how far they reach."""
    notional_bid, notional_ask = (sum((price * size for price, size in side), Fraction()) for side in (bids, asks))
    quantity_bid, quantity_ask = (sum((size for _, size in side), Fraction()) for side in (bids, asks))
    return {
        "obi": _share(notional_bid, notional_ask) or 0.0,
        "notional_bid": _rounded(notional_bid),
        "notional_ask": _rounded(notional_ask),
        "obi_quantity": _share(quantity_bid, quantity_ask),
        "levels_bid": len(bids),
        "levels_ask": len(asks),
        "reach_bid_bps": _rounded((mid - bids[-1][0]) / mid * 10_000) if bids and mid else None,
        "reach_ask_bps": _rounded((asks[-1][0] - mid) / mid * 10_000) if asks and mid else None,
    }


def _time(milliseconds: int) -> str:
    return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _share(bid: Fraction, ask: Fraction) -> float | None:
    return _rounded((bid - ask) / (bid + ask)) if bid + ask else None


def _rounded(value: Fraction) -> float:
    return float(round(value, 6))
