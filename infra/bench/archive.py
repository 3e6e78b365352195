"""`python -m infra.bench.archive`: queries over months of synthetic records in the layout of the archive."""

import argparse
import random
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from handler.record import Record
from handler.slots import format_milliseconds, format_timestamp, parse_timestamp
from handler.stores.parquet import write_records
from handler.stores.store import SlotRecord

START = parse_timestamp("2025-01-01T00:00:00Z")
DAY_SECONDS = 86_400
POOL = 4999
"""So many different measurements, over and over. A column of a row group has 1,440 values, so no two are compressed
together."""
RECIPES = (Path(__file__).parents[2] / "docs/recipes.md").read_text(encoding="utf-8")
QUERIES: dict[str, str] = dict(re.findall(r"<!-- archive: (.*?) -->\n```sql\n(.*?)```", RECIPES, re.DOTALL))
"""Those of docs/recipes.md."""


def main() -> None:
    """Write what is missing, run each query, and print the figures as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.archive", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the days are written, or are already")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    _write(options.folder, options.pairs, options.days)
    files = sorted(options.folder.glob("dt=*/records.parquet"))
    size, records = sum(file.stat().st_size for file in files), options.pairs * options.days * 1440
    print(f"{records:,} records in {len(files)} files, {size / 1e6:,.0f} MB, {size / records:.1f} bytes a record\n")
    print("| query | s | MB read | peak memory, MB |\n|---|---:|---:|---:|")
    for name, query in QUERIES.items():
        seconds, megabytes = _run(options.folder, query)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {name} | {seconds:.2f} | {megabytes:,.1f} | {peak_mb:,.0f} |")


def _run(folder: Path, query: str) -> tuple[float, float]:
    """The seconds of a query of DuckDB's, and the megabytes that it read from files, in the page cache or not."""
    with duckdb.connect() as connection:
        connection.sql("SET TimeZone = 'UTC'")
        files = f"read_parquet('{folder}/*/records.parquet', hive_partitioning = true)"
        connection.sql(f"CREATE VIEW records AS FROM {files}")
        before, start = _bytes_read(), time.perf_counter()
        rows = connection.sql(query).fetchall()
        seconds, megabytes = time.perf_counter() - start, (_bytes_read() - before) / 1e6
    if not rows:
        raise SystemExit(f"no row was found by: {query}")
    return seconds, megabytes


def _bytes_read() -> int:
    (line,) = [line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar")]
    return int(line.split()[1])


def _write(folder: Path, pairs: int, days: int) -> None:
    draw = random.Random(0)
    pool = list(_walk(draw))
    symbols = ["BTCUSDT", "ETHUSDT", *(f"S{number:03}USDT" for number in range(pairs - 2))]
    for day in range(days):
        start = START + day * DAY_SECONDS
        file = folder / f"dt={format_timestamp(start)[:10]}" / "records.parquet"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(".part")
            with part.open("wb") as output:
                write_records(output, (_series(symbol, start, pool, draw) for symbol in sorted(symbols)))
            part.rename(file)


def _series(symbol: str, start: int, pool: list[Record], draw: random.Random) -> Iterator[SlotRecord]:
    """A day of a pair, a record a minute."""
    first, update = draw.randrange(POOL), draw.randrange(10**9, 10**11)
    for minute in range(1440):
        slot = start + 60 * minute
        update += draw.randrange(100, 2000)
        received_ms = slot * 1000 + draw.randrange(1000)
        yield (
            format_timestamp(slot),
            pool[(first + minute) % POOL]._replace(
                timestamp=format_timestamp(received_ms // 1000),
                symbol=symbol,
                last_update_id=update,
                received_at=format_milliseconds(received_ms),
            ),
        )


def _walk(draw: random.Random) -> Iterator[Record]:
    """Measurements one after the other, with as many digits as those of real books, while the price wanders."""
    price = 90_000.0
    for _ in range(POOL):
        price *= 1 + draw.gauss(0, 3) / 10_000
        yield _measurement(round(price, 2), draw)


def _measurement(bid: float, draw: random.Random) -> Record:
    bid_notional, ask_notional = draw.uniform(1e4, 1e6), draw.uniform(1e4, 1e6)
    bid_quantity, ask_quantity = round(draw.uniform(0, 20), 5), round(draw.uniform(0, 20), 5)
    spread = 0.01 if draw.random() < 0.95 else round(draw.uniform(0.02, 2), 2)
    mid = round(bid + spread / 2, 3)
    return Record(
        timestamp="",
        symbol="",
        obi=round((bid_notional - ask_notional) / (bid_notional + ask_notional), 6),
        notional_bid=round(bid_notional, 6),
        notional_ask=round(ask_notional, 6),
        levels=5,
        obi_quantity=round(draw.uniform(-1, 1), 6),
        best_bid=bid,
        best_bid_quantity=bid_quantity,
        best_ask=round(bid + spread, 2),
        best_ask_quantity=ask_quantity,
        mid=mid,
        microprice=bid + spread * bid_quantity / (bid_quantity + ask_quantity),
        spread_bps=round(spread / mid * 10_000, 6),
        levels_bid=5,
        levels_ask=5,
        reach_bid_bps=round(draw.uniform(0, 0.1), 6),
        reach_ask_bps=round(draw.uniform(0, 0.1), 6),
        host="data-api.binance.vision",
        interval_seconds=60,
        latency_ms=round(draw.uniform(5, 60), 2),
    )


if __name__ == "__main__":
    main()
