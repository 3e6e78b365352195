"""Sample files in the format of Binance's bookDepth and kline dumps, with stale rows of every reported kind."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

Key = tuple[str, str, int]  # time, side, bps
HOURS = 4
BANDS = {2025: (1, 2, 3, 4, 5), 2026: (0.2, 1, 2, 3, 4, 5)}  # percent
KLINE_NAMES = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)


def write_samples(folder: Path) -> set[Key]:
    """Write four days of BTCUSDT; returns which rows are stale.

    A good day in the old format; a day with hours of a book 16 % away, and of one 2 % away, that move; a day on which
    the inner ask bands freeze while the others go on (binance-public-data #496); a day on which everything freezes, and
    before that rests for some minutes.
    """
    for name in ("bookdepth", "klines"):
        (folder / name).mkdir()
    stale: set[Key] = set()
    for day, kind in ((datetime(2025, 5, 18), "good"), (datetime(2025, 5, 19), "away"),
                      (datetime(2026, 9, 3), "inner"), (datetime(2026, 9, 4), "frozen")):  # fmt: skip
        stale |= _write_day(folder, day.replace(tzinfo=UTC), kind)
    return stale


def _write_day(folder: Path, day: datetime, kind: str) -> set[Key]:
    draw = random.Random(kind)
    price, rows, stale = 80_000.0, ["timestamp,percentage,depth,notional"], set()
    prices: dict[datetime, list[float]] = {}
    last: dict[tuple[int, float], tuple[float, float]] = {}
    for number in range(HOURS * 120):
        moment = day + timedelta(seconds=30 * number + draw.randint(1, 9))
        price *= 1 + draw.gauss(0, 0.0004)
        prices.setdefault(moment.replace(second=0), []).append(price)
        shift = {"away": {1: 0.84, 2: 1.02}}.get(kind, {}).get(number // 120, 1.0)
        for sign in (-1, 1):
            for percent in BANDS[day.year]:
                here = sign, percent
                rests = kind == "frozen" and 60 <= number < 66  # a quiet book, not a stale one
                is_frozen = number >= 200 and (kind == "frozen" or (kind == "inner" and 0 < sign * percent <= 2))
                if not (is_frozen or rests) or here not in last:
                    last[here] = _amounts(draw, price * shift, sign, percent)
                quantity, notional = last[here]
                text = f"{sign * percent:g}" if day.year == 2025 else f"{sign * percent:.2f}"
                rows.append(f"{moment:%Y-%m-%d %H:%M:%S},{text},{quantity:.8f},{notional:.8f}")
                if shift != 1.0 or is_frozen:
                    stale.add((f"{moment:%Y-%m-%d %H:%M:%S}", "bid" if sign < 0 else "ask", round(percent * 100)))
    (folder / "bookdepth" / f"BTCUSDT-bookDepth-{day:%Y-%m-%d}.csv").write_text("\n".join(rows) + "\n")
    lines = ([",".join(KLINE_NAMES)] if day.year == 2026 else []) + list(_klines(prices))
    (folder / "klines" / f"BTCUSDT-1m-{day:%Y-%m-%d}.csv").write_text("\n".join(lines) + "\n")
    return stale


def _amounts(draw: random.Random, price: float, sign: int, percent: float) -> tuple[float, float]:
    """Quantity and notional within a band: more per percent near the price, or further away."""
    quantity = 700 * percent * draw.uniform(0.8, 1.2)
    return quantity, quantity * price * (1 + sign * percent / 100 * draw.uniform(0.35, 0.65))


def _klines(prices: dict[datetime, list[float]]) -> Iterator[str]:
    for minute, seen in prices.items():
        opened = int(minute.timestamp() * 1000)
        row = (opened, seen[0], max(seen), min(seen), seen[-1], 12.5, opened + 59_999, 1e6, 900, 6.2, 5e5, 0)
        yield ",".join(f"{each:.2f}" if isinstance(each, float) else str(each) for each in row)
