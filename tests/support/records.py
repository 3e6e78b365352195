"""Records for tests: drawn by Hypothesis, and a known one."""

from hypothesis import strategies as st

from handler.record import DEFAULT_MARKET, MAX_BPS, Record
from handler.slots import MAX_INTERVAL_SECONDS, format_milliseconds, format_timestamp

amounts = st.floats(0, 1e22, allow_nan=False).map(lambda amount: round(amount, 6) + 0.0)
ratios = st.floats(-1, 1, allow_nan=False).map(lambda ratio: round(ratio, 6) + 0.0)
texts = st.text(min_size=1, max_size=12).filter(str.isprintable)
moments = st.integers(0, 4_000_000_000)
maybe_times = st.none() | st.integers(0, 4_000_000_000_000).map(format_milliseconds)
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
    **dict.fromkeys(["best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity"], maybe_amounts),
    **dict.fromkeys(["mid", "microprice", "spread_bps", "reach_bid_bps", "reach_ask_bps"], maybe_amounts),
    **dict.fromkeys(["received_at", "exchange_time"], maybe_times),
    "interval_seconds": st.none() | st.integers(1, MAX_INTERVAL_SECONDS),
    **dict.fromkeys(["levels_bid", "levels_ask", "last_update_id"], maybe_counts),
    "obi_quantity": st.none() | ratios,
    "host": st.none() | texts,
    "latency_ms": maybe_amounts,
}
depths = st.just({"bps": None, "covered": None}) | st.fixed_dictionaries(
    {"bps": st.integers(1, MAX_BPS), "covered": st.booleans()}
)
markets = st.just(DEFAULT_MARKET) | st.sampled_from(["usdm", "coinm"])


@st.composite
def records(draw: st.DrawFn, *, detail: bool) -> Record:
    """A record of any kind; without detail it has the keys of a sample."""
    values = draw(st.fixed_dictionaries(six_keys | {"market": markets} | (detail_keys if detail else {})))
    return Record(**(values | draw(depths)))  # type: ignore[arg-type]


plain_records = records(detail=False)
detailed_records = records(detail=True)


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
