"""Reading, loading and archiving: the commands as users run them, on synthetic records."""

import gzip
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.bench.null_table import DAY, NullTable
from infra.bench.processes import Bench, Row, measure

HISTORY = ("-m", "handler", "history")
DUCKDB = "import duckdb, sys; duckdb.sql(sys.argv[1]).fetchall()"
HOURLY = "SELECT time_bucket(INTERVAL 1 HOUR, timestamp::TIMESTAMP), count(*), avg(obi), min(obi), max(obi) FROM"
ARCHIVE = """
import sys, time
from handler.archive.day import DayWriter
from handler.stores.table import Table

class Bucket:
    def days(self, since): return {}
    def upload(self, day, path, replaces): assert path.stat().st_size

pairs = [f"S{number:03}USDT" for number in range(int(sys.argv[2]))]
written = DayWriter(Table("obi"), Bucket(), pairs).write(sys.argv[1], time.monotonic() + 900)
assert written.rows == 1440 * len(pairs)
"""


def reading(bench: Bench) -> Iterator[Row]:
    """A year of one pair, a record a minute, as lines and as Parquet."""

    def seconds(*command: str | Path) -> float:
        return statistics.median(measure(*command).wall for _ in range(bench.rounds(3)))

    for days in (7, 30, 90, 365)[: 1 if bench.quick else None]:
        lines, parquet = bench.folder / f"{days}.jsonl", bench.folder / f"{days}.parquet"
        lines.write_text("".join(_lines(["BTCUSDT"], days)))
        measure(*HISTORY, "--from", lines, "--output", parquet)
        for path, name in ((lines, "lines"), (parquet, "Parquet")):
            wall = seconds(*HISTORY, "--from", path, "--every", "1h")
            bench.point("days of one pair, a record a minute: seconds for hourly means", name, days, wall)
    for path, name, target, table in (
        (lines, "lines", 5, f"read_json('{lines}')"),
        (parquet, "Parquet", 0.5, f"'{parquet}'"),
    ):
        ours = seconds(*HISTORY, "--from", path, "--every", "1h")
        plain = seconds("-c", DUCKDB, f"{HOURLY} {table} GROUP BY 1 ORDER BY 1")
        yield Row(f"a year of one pair, {name}: hourly means", ours, target, "s")
        yield Row("the same × plain DuckDB", ours / plain, 1.5)
    yield Row("a year of one pair, lines: `series`", seconds("-m", "handler", "series", "--from", lines), 0.5, "s")
    yield Row("a year of one pair, lines: `--gaps`", seconds(*HISTORY, "--from", lines, "--gaps"), 1, "s")


def many(bench: Bench) -> Iterator[Row]:
    """Ten million lines of 20 pairs in 30 compressed files: one pair is read."""
    days, pairs = (1 if bench.quick else 12), [f"S{pair:03}USDT" for pair in range(20)]
    for number in range(30):
        with gzip.open(bench.folder / f"{number:02}.jsonl.gz", "wt", compresslevel=1) as file:
            file.writelines(_lines(pairs, days, first_day=number * days))
    files = sorted(bench.folder.glob("*.gz"))
    for count in (1, 3, 10, 30):
        cost = measure(*HISTORY, "--from", *files[:count], "--symbol", "S007USDT")
        millions = count * days * 20 * 1440 / 1e6
        bench.point("million lines of 20 pairs, compressed: seconds for one pair", "one pair", millions, cost.wall)
    yield Row(f"{30 * days * 20 * 1440 / 1e6:.1f} M lines in 30 .gz, one pair of 20", cost.wall, 40, "s")
    yield Row("the same, peak memory", cost.peak_mb / 1000, 2, "GB")


def load(bench: Bench) -> Iterator[Row]:
    """Printed lines into a table, each by a conditional put."""
    path, days = bench.folder / "load.jsonl", 2 if bench.quick else 20
    path.write_text("".join(_lines(["BTCUSDT"], days)))
    with NullTable() as table:
        cost = measure("-m", "handler", "load", path, "--table", "obi", "--interval_seconds", "60", **table.variables)
    yield Row("`load` into a loopback table, records a second", days * 1440 / cost.wall, 1500, "", is_minimum=True)


def archive(bench: Bench) -> Iterator[Row]:
    """A day of 400 pairs from the table into one file, with a whole CPU as the function has."""
    pairs = 20 if bench.quick else 400
    with NullTable() as table:
        cost = measure("-c", ARCHIVE, DAY, str(pairs), **table.variables)
    yield Row(f"archive: {pairs} pairs × one day", cost.wall, 120, "s")
    yield Row("the same, peak memory", cost.peak_mb, None, "MB")


def _lines(symbols: list[str], days: int, first_day: int = 0) -> Iterator[str]:
    """Plain lines, one a minute and pair."""
    start = datetime(2025, 1, 1, 0, 0, 1, tzinfo=UTC) + timedelta(days=first_day)
    for minute in range(days * 1440):
        text = (start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for number, symbol in enumerate(symbols):
            obi = ((minute + number * 31) * 7919 % 19_997) / 10_000 - 1
            yield (
                f'{{"timestamp":"{text}","symbol":"{symbol}","obi":{obi:.6f},"notional_bid":{1e5 + 1e5 * obi:.2f},'
                f'"notional_ask":{1e5 - 1e5 * obi:.2f},"levels":5}}\n'
            )
