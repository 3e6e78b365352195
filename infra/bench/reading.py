"""Reading, loading and archiving: the commands as users run them, on synthetic records."""

import gzip
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.bench.processes import measure, null_table
from infra.bench.report import Bench, Row

HOURLY = (
    "SELECT time_bucket(INTERVAL 1 HOUR, timestamp), count(*), avg(obi), min(obi), max(obi), arg_max(obi, timestamp)"
)
DUCKDB = "import duckdb, sys; duckdb.sql(sys.argv[1]).fetchall()"


def reading(bench: Bench) -> Iterator[Row]:
    """A year of one pair at 60 s, as lines and as Parquet; then ten million lines of 20 pairs in 30 files."""
    lines, parquet = bench.folder / "year.jsonl", bench.folder / "year.parquet"
    lines.write_text("".join(_lines(["BTCUSDT"], 30 if bench.quick else 365)))
    history = ("-m", "handler", "history")
    measure(*history, "--from", lines, "--output", parquet)
    jobs: dict[str, tuple[tuple[str | Path, ...], float]] = {
        "lines → hourly": ((*history, "--from", lines, "--every", "1h"), 5),
        "Parquet → hourly": ((*history, "--from", parquet, "--every", "1h"), 0.5),
        "lines → `series`": (("-m", "handler", "series", "--from", lines), 0.5),
        "lines → `--gaps`": ((*history, "--from", lines, "--gaps"), 1),
    }
    walls = {
        name: statistics.median(measure(*job).wall for _ in range(bench.rounds(3))) for name, (job, _) in jobs.items()
    }
    for name, (_, target) in jobs.items():
        yield Row(f"a year of one pair: {name}", walls[name], target, "s")
    for name, source in (("lines", f"read_json('{lines}')"), ("Parquet", f"read_parquet('{parquet}')")):
        query = f"{HOURLY} FROM {source} GROUP BY 1 ORDER BY 1"
        plain = statistics.median(measure("-c", DUCKDB, query).wall for _ in range(bench.rounds(3)))
        yield Row(f"a year of one pair: {name} → hourly × plain DuckDB", walls[f"{name} → hourly"] / plain, 1.5)
    folder = bench.folder / "many"
    folder.mkdir()
    days = 1 if bench.quick else 12
    for number in range(30):
        with gzip.open(folder / f"{number:02}.jsonl.gz", "wt", compresslevel=1) as file:
            file.writelines(_lines([f"S{pair:03}USDT" for pair in range(20)], days, first_day=number * days))
    cost = measure(*history, "--from", folder, "--symbol", "S007USDT")
    yield Row(f"{30 * days * 20 * 1440 / 1e6:.1f} M lines in 30 .gz, one pair of 20", cost.wall, 40, "s")
    yield Row("the same, peak memory", cost.peak_mb / 1000, 2, "GB")


def load(bench: Bench) -> Iterator[Row]:
    """Printed lines into a table, each by a conditional put."""
    path = bench.folder / "load.jsonl"
    path.write_text("".join(_lines(["BTCUSDT"], 2 if bench.quick else 20)))
    count = path.read_text().count("\n")
    with null_table(bench.folder) as aws:
        cost = measure("-m", "handler", "load", path, "--table", "obi", "--interval_seconds", "60", **aws)
    yield Row("`load` into a loopback table, records a second", count / cost.wall, 1500, "/s", is_minimum=True)


def _lines(symbols: list[str], days: int, first_day: int = 0) -> Iterator[str]:
    """Plain lines, one a minute and pair."""
    start = datetime(2025, 1, 1, 0, 0, 1, tzinfo=UTC) + timedelta(days=first_day)
    values = [((number * 7919) % 19_997) / 10_000 - 1 for number in range(4999)]
    for minute in range(days * 1440):
        text = (start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for number, symbol in enumerate(symbols):
            obi = values[(minute + number * 31) % 4999]
            bid, ask = round(1e5 * (1 + obi), 6), round(1e5 * (1 - obi), 6)
            yield (
                f'{{"timestamp":"{text}","symbol":"{symbol}","obi":{obi:.6f},"notional_bid":{bid},'
                f'"notional_ask":{ask},"levels":5}}\n'
            )


def archive(bench: Bench) -> Iterator[Row]:
    """A day of 400 pairs from the table into one file."""
    yield from ()
