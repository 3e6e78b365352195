"""Interim: the columns of a record's line, until handler/reading owns them."""

from ..book import RUNGS_BPS

_LEVELS, _LADDER = "DOUBLE[][]", "DOUBLE[]"
KEYS = {
    "timestamp": "TIMESTAMPTZ",
    "symbol": "VARCHAR",
    "obi": "DOUBLE",
    "notional_bid": "DOUBLE",
    "notional_ask": "DOUBLE",
    "levels": "BIGINT",
    "market": "VARCHAR",
    "interval_seconds": "BIGINT",
    "version": "VARCHAR",
    "received_at": "TIMESTAMPTZ",
    "exchange_time": "TIMESTAMPTZ",
    "last_update_id": "BIGINT",
    "host": "VARCHAR",
    "latency_ms": "DOUBLE",
    "cache_age_seconds": "BIGINT",
    "limit": "BIGINT",
    "bid_levels": "BIGINT",
    "ask_levels": "BIGINT",
    "bid_reach_bps": "DOUBLE",
    "ask_reach_bps": "DOUBLE",
    "bids": _LEVELS,
    "asks": _LEVELS,
    "notional_bid_within": _LADDER,
    "notional_ask_within": _LADDER,
    "quantity_bid_within": _LADDER,
    "quantity_ask_within": _LADDER,
    "reason": "VARCHAR",
}
DERIVED = {
    "best_bid": "bids[1][1]",
    "best_bid_quantity": "bids[1][2]",
    "best_ask": "asks[1][1]",
    "best_ask_quantity": "asks[1][2]",
    "mid": "(best_bid + best_ask) / 2",
    "spread_bps": "(best_ask - best_bid) / mid * 10000",
} | {
    f"obi_{bps}bps": (
        f"(notional_bid_within[{n}] - notional_ask_within[{n}])"
        f" / nullif(notional_bid_within[{n}] + notional_ask_within[{n}], 0)"
    )
    for n, bps in enumerate(RUNGS_BPS, 1)
}


def rows_of_lines(path: str) -> str:
    """SQL: a file of lines as rows."""
    types = ", ".join(f"'{key}': '{type_}'" for key, type_ in KEYS.items())
    keys = ", ".join(
        f"if(reason IS NULL, {key}, NULL) AS {key}"
        if key in ("obi", "notional_bid", "notional_ask", "levels")
        else f'"{key}"'
        for key in KEYS
    )
    derived = ", ".join(f"{sql} AS {name}" for name, sql in DERIVED.items())
    return (
        "SELECT if(market = 'spot', symbol, market || ':' || symbol) AS pair,"
        " to_timestamp(epoch(timestamp)::BIGINT // interval_seconds * interval_seconds) AS slot,"
        f" {keys}, {derived} FROM read_json('{path}', format = 'newline_delimited', columns = {{{types}}})"
    )
