"""The columns of `records`, each with the SQL that computes it from a line or from other columns."""

from collections.abc import Collection, Mapping
from typing import Final

from ..book import RUNGS_BPS
from ..record import FULL_KEYS, PLAIN_KEYS, SPOT
from .engine import sql_literal

BIG, DOUBLE, TEXT, TIME, LIST, LEVELS = "BIGINT", "DOUBLE", "VARCHAR", "TIMESTAMPTZ", "DOUBLE[]", "DOUBLE[][]"

# the keys of a record after the first ones → their types
STORED: Final = {
    "version": TEXT,
    "received_at": TIME,
    "exchange_time": TIME,
    "last_update_id": BIG,
    "host": TEXT,
    "latency_ms": DOUBLE,
    "cache_age_seconds": BIG,
    "limit": BIG,
    "bid_levels": BIG,
    "ask_levels": BIG,
    "bid_reach_bps": DOUBLE,
    "ask_reach_bps": DOUBLE,
    "bids": LEVELS,
    "asks": LEVELS,
    "notional_bid_within": LIST,
    "notional_ask_within": LIST,
    "quantity_bid_within": LIST,
    "quantity_ask_within": LIST,
}
TIMES = ("received_at", "exchange_time")
# the kinds that are decoded together, so that a question that needs few keys does not pay for the lists
GROUPS = {"scalars": (BIG, DOUBLE, TEXT, TIME), "sides": (LEVELS,), "ladder": (LIST,)}
HEAD = {
    "timestamp": TEXT, "symbol": TEXT, "obi": DOUBLE, "notional_bid": DOUBLE, "notional_ask": DOUBLE, "levels": DOUBLE,
    "market": TEXT, "interval_seconds": DOUBLE, "reason": TEXT,
}  # fmt: skip


def quoted(name: str) -> str:
    """Quote a name of a column for SQL: `limit` is a keyword."""
    return f'"{name}"'


def imbalance(bid: str, ask: str, places: int | None = 8) -> str:
    """Return SQL for (bid - ask) / (bid + ask), null if both are 0."""
    ratio = f"({bid} - {ask}) / nullif({bid} + {ask}, 0)"
    return ratio if places is None else f"round({ratio}, {places})"


def top(side: str, levels: str, amount: str) -> str:
    """Return SQL for the sum over the first levels of a side; 0 if it is empty, null if it is unknown."""
    return f"if({side} IS NULL, NULL, coalesce(list_sum(list_transform({side}[1:{levels}], lambda x: {amount})), 0))"


def significant(expression: str, digits: int = 8) -> str:
    """Return SQL that rounds a number to `digits` significant digits."""
    return f"CAST(printf('%.{digits}g', CAST({expression} AS DOUBLE)) AS DOUBLE)"


def _quantity_imbalance() -> str:
    bid, ask = top("bids", "levels", "x[2]"), top("asks", "levels", "x[2]")
    unknown = " OR ".join(f"(levels > len({side}s) AND {side}_levels > len({side}s))" for side in ("bid", "ask"))
    return f"if({unknown}, NULL, {imbalance(bid, ask)})"


def _ladder() -> dict[str, str]:
    found = {}
    for number, bps in enumerate(RUNGS_BPS, 1):
        bid, ask = f"notional_bid_within[{number}]", f"notional_ask_within[{number}]"
        found[f"obi_{bps}bps"] = imbalance(bid, ask)
        for amount in ("notional", "quantity"):
            for side in ("bid", "ask"):
                found[f"{amount}_{side}_{bps}bps"] = f"{amount}_{side}_within[{number}]"
    return found


_MID = "((bids[1][1] + asks[1][1]) / 2)"
DERIVED: Final = {
    "best_bid": "bids[1][1]",
    "best_bid_quantity": "bids[1][2]",
    "best_ask": "asks[1][1]",
    "best_ask_quantity": "asks[1][2]",
    "mid": _MID,
    "weighted_mid": "(bids[1][1] * asks[1][2] + asks[1][1] * bids[1][2]) / nullif(bids[1][2] + asks[1][2], 0)",
    "spread_bps": f"(asks[1][1] - bids[1][1]) / {_MID} * 10000",
    "obi_quantity": _quantity_imbalance(),
    **_ladder(),
}
KEYS: Final = ("pair", "slot", *FULL_KEYS)
FILE_COLUMNS: Final = (
    *(*KEYS, "reason", "best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity", "mid", "spread_bps"),
    *(f"obi_{bps}bps" for bps in RUNGS_BPS),
)  # of Parquet files, our own and the archive's
ALL_COLUMNS: Final = (*KEYS, "reason", *DERIVED, "line")
NARROW_SQL: Final = (
    "id, pair, seconds, file_slot, interval_seconds, has_data, has_levels, obi, notional_bid, notional_ask, levels,"
    " reason, invalid"
)  # the columns that rows are chosen by
NARROW: Final = ("pair", *PLAIN_KEYS, "market", "interval_seconds", "reason")  # known of each row without its line


def pair_sql(symbol: str = "symbol", market: str = "market") -> str:
    """Return SQL for the pair with its market, as `Record.pair`."""
    return f"if({market} = {sql_literal(SPOT)}, {symbol}, {market} || ':' || {symbol})"


def decoded(names: Mapping[str, str], line: str = "line") -> str:
    """Return SQL for a struct of keys of a line of JSON, null if the line is not valid."""
    fields = []
    for name, kind in names.items():
        element, depth = kind.replace("[]", ""), kind.count("[]")
        opening, closing = "[" * depth, "]" * depth
        fields.append(f'"{name}":{opening}"{element}"{closing}')
    return f"TRY(from_json({line}, {sql_literal('{' + ','.join(fields) + '}')}))"


def from_lines(relation: str) -> str:
    """Return SQL that adds all other columns to narrow columns and `line`; DuckDB computes those that are used."""
    structs, keys = [], []
    for group, kinds in GROUPS.items():
        types = {name: kind for name, kind in STORED.items() if kind in kinds}
        json_types = {name: TEXT if kind == TIME else kind for name, kind in types.items()}
        structs.append(f"{decoded(json_types)} AS {group}")
        keys += [f'TRY_CAST({group}."{name}" AS {kind}) AS "{name}"' for name, kind in types.items()]
    rows = f"(SELECT *, {', '.join(structs)} FROM {relation})"
    return derived(f"(SELECT * EXCLUDE ({', '.join(GROUPS)}), {', '.join(keys)} FROM {rows})")


def derived(relation: str, known: Collection[str] = ()) -> str:
    """Return SQL that adds the derived columns that are not `known` to a relation with all of STORED."""
    columns = ", ".join(f"{sql} AS {name}" for name, sql in DERIVED.items() if name not in known)
    return f"(SELECT *, {columns} FROM {relation})"
