"""Records for tests: synthetic ones drawn by Hypothesis, known and numbered ones, ones like those of recorded books."""

import random
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from handler.book import RUNGS_BPS, Book, Side, measure, measure_depth
from handler.record import Record
from handler.slots import MAX_INTERVAL_SECONDS, format_milliseconds, format_timestamp

amounts = st.floats(0, 1e22, allow_nan=False).map(lambda amount: round(amount, 6) + 0.0)
rungs = st.floats(0, 1e22, allow_nan=False).map(lambda amount: float(f"{amount:.8g}"))
ratios = st.floats(-1, 1, allow_nan=False).map(lambda ratio: round(ratio, 6) + 0.0)
texts = st.text(min_size=1, max_size=12).filter(str.isprintable)
decimals = st.decimals("0.00000001", "92233720368.54775807", places=8).map(lambda number: number.normalize())
levels = st.lists(st.tuples(decimals, decimals), max_size=20)
counts = st.integers(0, 2**63 - 1)
moments = st.integers(0, 4_000_000_000).map(format_timestamp)
milliseconds = st.integers(0, 4_000_000_000_000).map(lambda ms: format_milliseconds(ms / 1000))
markets = st.just("spot") | st.just("usdm")
ladders = st.none() | st.lists(rungs, max_size=len(RUNGS_BPS))

_six_keys: dict[str, st.SearchStrategy[Any]] = {
    "timestamp": moments,
    "symbol": texts,
    "obi": ratios,
    "notional_bid": amounts,
    "notional_ask": amounts,
    "levels": st.integers(1, 5000),
    "market": markets,
}
_full_keys: dict[str, st.SearchStrategy[Any]] = {
    "interval_seconds": st.integers(1, MAX_INTERVAL_SECONDS),
    "version": st.none() | st.just("1.0.0"),
    "received_at": st.none() | milliseconds,
    "exchange_time": st.none() | milliseconds,
    "host": st.none() | texts,
    "latency_ms": st.none() | amounts,
    "limit": st.none() | st.integers(1, 5000),
    **dict.fromkeys(["last_update_id", "cache_age_seconds", "bid_levels", "ask_levels"], st.none() | counts),
    **dict.fromkeys(["bid_reach_bps", "ask_reach_bps"], st.none() | rungs),
    **dict.fromkeys(["bids", "asks"], levels),
    **dict.fromkeys(["notional_bid_within", "notional_ask_within"], ladders),
    **dict.fromkeys(["quantity_bid_within", "quantity_ask_within"], ladders),
}
_nothing = dict.fromkeys(["obi", "notional_bid", "notional_ask"], st.just(0.0))

plain_records = st.builds(Record, **_six_keys)
full_records = st.builds(Record, **_six_keys, **_full_keys)
reasons = st.builds(
    Record,
    **(_six_keys | _nothing),
    interval_seconds=_full_keys["interval_seconds"],
    reason=st.sampled_from(["timeout", "HTTP 503", "bad answer", "rejected"]),
)
any_records = plain_records | full_records | reasons


def plain(**changes: Any) -> Record:
    """A known plain record."""
    values: dict[str, Any] = {
        "timestamp": "2026-11-22T10:00:07Z",
        "symbol": "BTCUSDT",
        "obi": 0.153847,
        "notional_bid": 150000.5,
        "notional_ask": 110000.25,
        "levels": 5,
    }
    return Record(**(values | changes))


def full(**changes: Any) -> Record:
    """A known full record."""
    values: dict[str, Any] = {
        "interval_seconds": 60,
        "version": "1.0.0",
        "received_at": "2026-11-22T10:00:07.123Z",
        "last_update_id": 42,
        "host": "data-api.binance.vision",
        "latency_ms": 12.345,
        "limit": 1000,
        "bid_levels": 2,
        "ask_levels": 1,
        "bid_reach_bps": 200.0,
        "ask_reach_bps": 100.0,
        "bids": [(Decimal("99"), Decimal("2.5")), (Decimal("98"), Decimal("0.00000001"))],
        "asks": [(Decimal("101"), Decimal("1"))],
        "notional_bid_within": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 247.5, 247.5],
        "notional_ask_within": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 101.0],
        "quantity_bid_within": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.5, 2.5],
        "quantity_ask_within": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    }
    return plain(**(values | changes))


def reason(**changes: Any) -> Record:
    """A known record of a reason."""
    nothing = {"timestamp": "2026-11-22T10:00:00Z", "obi": 0.0, "notional_bid": 0.0, "notional_ask": 0.0}
    return plain(**(nothing | {"interval_seconds": 60, "reason": "timeout"} | changes))


def nth(number: int) -> dict[str, Any]:
    """What records of a minute have in common: of three pairs in turn, every fifth one of futures."""
    return {
        "timestamp": format_timestamp(1_795_341_600 + 60 * number),
        "symbol": ("BTCUSDT", "ETHUSDT", "币安人生USDT")[number % 3],
        "obi": round(random.Random(number).uniform(-1, 1), 6),
        "notional_bid": number + 0.123456,
        "market": "usdm" if number % 5 == 4 else "spot",
    }


def nth_plain(number: int, **changes: Any) -> Record:
    """The plain record of a minute."""
    return plain(**(nth(number) | changes))


def nth_full(number: int, **changes: Any) -> Record:
    """The full record of a minute, of 20 levels."""
    levels = [(Decimal(f"639{99 - rung}.5"), Decimal("0.00012")) for rung in range(20)]
    return full(**(nth(number) | {"bids": levels, "asks": levels} | changes))


MARKETS = [  # market, symbol, price, price places, quantity places, typical quantity, typical ticks between levels
    ("spot", "BTCUSDT", 64000.0, 2, 5, 0.05, 3),
    ("spot", "ETHUSDT", 3100.0, 2, 4, 0.8, 2),
    ("spot", "ETHBTC", 0.04871, 5, 4, 2.0, 1),
    ("spot", "SHIBUSDT", 0.00002431, 8, 0, 8e7, 1),
    ("spot", "1000SATSUSDT", 0.0003212, 7, 0, 1e6, 1),
    ("usdm", "BTCUSDT", 64012.3, 1, 3, 0.4, 4),
    ("usdm", "BTCUSDT_261225", 65210.7, 1, 3, 0.05, 30),
    ("usdm", "1000000BABYDOGEUSDT", 0.0021437, 7, 0, 40_000.0, 1),
]


def side_json(rng: random.Random, price: float, outward: int, places: int, row: tuple[Any, ...], count: int) -> bytes:
    tick, (*_, price_places, quantity_places, size, ticks) = 10.0**-places, row
    sent = []
    for number in range(count):
        price += outward * tick * (rng.randint(1, 2 * ticks - 1) if number else 0)
        quantity = max(rng.lognormvariate(0, 1.6) * size, 10.0**-quantity_places)
        sent.append(f'["{max(price, tick):.{price_places}f}","{quantity:.{quantity_places}f}"]')
    return f"[{','.join(sent)}]".encode()


def recorded_like(seed: int) -> Record:
    """A full record as the sampler makes it, of a book such as Binance sends."""
    rng = random.Random(seed)
    row = MARKETS[seed % len(MARKETS)]
    market, symbol, price, places, *_ = row
    limit = rng.choice([20, 100, 1000])
    count = limit if rng.random() < 0.9 else rng.randint(1, limit)
    mid = round(price * rng.uniform(0.8, 1.2), places)
    bids = Side(side_json(rng, mid, -1, places, row, count))
    asks = Side(side_json(rng, mid + 10.0**-places, 1, places, row, limit))
    book = Book(bids, asks, rng.randint(10**10, 10**13))
    six, depth = measure(book), measure_depth(book, limit)
    return Record(
        "2026-11-22T10:00:07Z", symbol, six.obi, six.notional_bid, six.notional_ask, 5, market, 60, "10.10.10",
        "2026-11-22T10:00:07.123Z", "2026-11-22T10:00:07.101Z" if market == "usdm" else None, book.last_update_id,
        "data-api.binance.vision", round(rng.uniform(1, 900), 1), None, limit, **depth,
    )  # fmt: skip
