"""Rows of `records` as lines of JSON: the line itself where there is one, else what the record would print."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ..record import FULL_KEYS, PLAIN_KEYS, REASON_KEYS, SPOT, plain_decimal
from .columns import TIMES
from .output import time_text

PLAIN_COLUMNS = ("printed", *PLAIN_KEYS, "market", "reason")
DETAIL_COLUMNS = ("line", *FULL_KEYS, "reason")
VIEW_COLUMNS = (*PLAIN_KEYS, "bps", "market")


def render_plain(row: Mapping[str, Any]) -> str:
    """A record without detail."""
    return row["printed"] or _encode(row, _plain_keys(row))


def render_detail(row: Mapping[str, Any]) -> str:
    """A record as it is stored."""
    if row["line"] is not None:
        line: str = row["line"]
        return line
    if row["interval_seconds"] is None:
        return _encode(row, _plain_keys(row))
    return _encode(row, FULL_KEYS if row["reason"] is None else REASON_KEYS)


def render_view(row: Mapping[str, Any]) -> str:
    """A record at another depth: with `bps` instead of levels where that is its depth."""
    depth = "levels" if row["bps"] is None else "bps"
    keys = [*PLAIN_KEYS[:-1], depth, *([] if row["market"] == SPOT else ["market"])]
    return msgspec.json.encode({key: _value(key, row[key]) for key in keys}).decode()


def _plain_keys(row: Mapping[str, Any]) -> Sequence[str]:
    return PLAIN_KEYS if row["market"] == SPOT else (*PLAIN_KEYS, "market")


def _encode(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    values = {key: _value(key, row[key]) for key in keys}
    if row["obi"] is None:  # a reason, whose six keys know 0
        values |= dict.fromkeys(("obi", "notional_bid", "notional_ask"), 0.0)
    return msgspec.json.encode(values).decode()


def _value(key: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return time_text(value, is_exact=key in TIMES)
    if key in ("bids", "asks") and value is not None:
        levels = [f"[{_digits(price)},{_digits(quantity)}]" for price, quantity in value]
        return msgspec.Raw(f"[{','.join(levels)}]".encode())
    return value


def _digits(number: float) -> str:
    """The digits of a number without an exponent and without trailing zeros."""
    text = repr(number)
    return plain_decimal(Decimal(text)) if "e" in text else text.removesuffix(".0")
