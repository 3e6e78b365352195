"""Records for tests: drawn by Hypothesis, and a known one."""

from hypothesis import strategies as st

from handler.record import Record
from handler.slots import format_timestamp

amounts = st.floats(0, 1e22, allow_nan=False).map(lambda amount: round(amount, 6) + 0.0)
ratios = st.floats(-1, 1, allow_nan=False).map(lambda ratio: round(ratio, 6) + 0.0)
texts = st.text(min_size=1, max_size=12).filter(str.isprintable)
moments = st.integers(0, 4_000_000_000)
maybe_amounts = st.none() | amounts
maybe_counts = st.none() | st.integers(0, 2**63 - 1)

six_keys = {
    "timestamp": moments.map(format_timestamp),
    "symbol": texts,
    "obi": ratios,
    "notional_bid": amounts,
    "notional_ask": amounts,
    "levels": st.integers(1, 5000),
}
detail_keys = {
    **dict.fromkeys(["best_bid", "best_ask", "mid", "spread_bps", "reach_bid_bps", "reach_ask_bps"], maybe_amounts),
    **dict.fromkeys(["levels_bid", "levels_ask", "last_update_id"], maybe_counts),
    "obi_quantity": st.none() | ratios,
    "host": st.none() | texts,
    "latency_ms": maybe_amounts,
}
plain_records = st.builds(Record, **six_keys)
detailed_records = st.builds(Record, **six_keys, **detail_keys)


def known(**changes: object) -> Record:
    values = {
        "timestamp": "2026-11-22T10:00:07Z",
        "symbol": "BTCUSDT",
        "obi": 0.153847,
        "notional_bid": 150000.5,
        "notional_ask": 110000.25,
        "levels": 5,
    }
    return Record(**(values | changes))  # type: ignore[arg-type]
