"""The recipes in docs/recipes.md for DuckDB and pandas give the numbers of the records."""

import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import duckdb
import pytest
from support.archive import lines, record
from support.program import PATIENCE_SECONDS, ROOT, environment

from handler.cli.main import main
from handler.record import Depth, Record, no_data
from handler.slots import format_timestamp, parse_timestamp
from handler.stores.parquet import write_records

RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
FROM_PARQUET, FROM_LINES, PREDICTION, *_, OVER_ARCHIVE = re.findall(r"```python\n(.*?)```", RECIPES, re.S)
ARCHIVE_QUERIES = re.findall(r"```sql\n(.*?)```", RECIPES, re.S)
DAY = ("--since", "2024-01-01", "--until", "2024-01-02")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two hours of records, but for ten minutes, as lines with one without data, and as Parquet."""
    missing = range(30, 40)
    records: list[Record] = [
        record(minute, obi=(minute % 7) / 10, mid=90_000.0 + minute % 7, best_bid=0.1 * minute)
        for minute in range(120)
        if minute not in missing
    ]
    without_data = no_data("2024-01-01T00:30:00Z", "BTCUSDT", Depth(5))
    path = tmp_path / "records.jsonl"
    path.write_text(lines([*records, without_data], detail=True))
    flags = ("--format", "parquet", "--output", str(tmp_path / "btc.parquet"))
    assert main(["history", "--symbol", "BTC", *DAY, "--from", str(path), *flags], {}) == 0
    return tmp_path


def run(folder: Path, recipe: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", recipe], cwd=folder, env=environment(), capture_output=True,
        encoding="utf-8", timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows(shown: str) -> list[list[str]]:
    """The rows about BTCUSDT in a table of DuckDB's."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "BTCUSDT" in line]


def mean_obi(minutes: Iterable[int]) -> object:
    return pytest.approx(fmean(minute % 7 / 10 for minute in minutes))


def test_duckdb_over_parquet(folder: Path) -> None:
    """The hourly means are those of the records, and the counts leave out the gap."""
    first, second = rows(run(folder, FROM_PARQUET))
    assert (first[1], float(first[2]), first[3]) == ("BTCUSDT#5", mean_obi([*range(30), *range(40, 60)]), "50")
    assert (second[1], float(second[2]), second[3]) == ("BTCUSDT#5", mean_obi(range(60, 120)), "60")


def test_duckdb_over_lines(folder: Path) -> None:
    """Lines give the same without being converted, and the line without data does not count."""
    [[symbol, levels, obi, count]] = rows(run(folder, FROM_LINES))
    assert (symbol, levels, float(obi), count) == ("BTCUSDT", "5", mean_obi([*range(30), *range(40, 120)]), "110")


def test_prediction(folder: Path) -> None:
    """No return reaches across the gap: of 30 and 80 minutes in a row, each horizon takes its length from both."""
    found = [line.split() for line in run(folder, PREDICTION).splitlines()]
    assert [(int(minutes), int(count)) for minutes, _, count in found] == [
        (minutes, 30 - minutes + 80 - minutes) for minutes in (1, 5, 15)
    ]
    assert all(float(correlation) < -0.5 for _, correlation, _ in found)  # where mid is high it falls, by construction


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder with a synced archive of two days in January 2025, an hour of two pairs each, all of the minutes."""
    for day in ("2025-01-19", "2025-01-20"):
        midday = parse_timestamp(f"{day}T12:00:00Z")
        folder = tmp_path / "archive" / f"dt={day}"
        folder.mkdir(parents=True)
        groups = (
            [
                (format_timestamp(slot), record(symbol=symbol, obi=obi)._replace(timestamp=format_timestamp(slot + 7)))
                for slot in range(midday, midday + 3600, 60)
            ]
            for symbol, obi in (("BTCUSDT", 0.5), ("ETHUSDT", 0.75))
        )
        with (folder / "records.parquet").open("wb") as file:
            write_records(file, groups)
    return tmp_path


def test_archive_of_duckdb(archive: Path) -> None:
    """What the queries of the archive read in DuckDB: every record once, with its day."""
    found = rows(run(archive, OVER_ARCHIVE))
    assert [row[:2] for row in found] == [["BTCUSDT#5", "120"]]


def test_queries_over_the_archive(archive: Path) -> None:
    """Each query gives the numbers of the records."""
    hourly, at_one_minute, share = (answer(archive, query) for query in ARCHIVE_QUERIES)
    hours = [datetime(2025, 1, day, 12, tzinfo=UTC) for day in (19, 20)]
    assert hourly == [(hour, 0.5, 60) for hour in hours]
    assert [row[:2] for row in at_one_minute] == [("ETHUSDT#5", 0.75), ("BTCUSDT#5", 0.5)]
    january = datetime(2025, 1, 1, tzinfo=UTC)
    assert share == [(series, january, pytest.approx(120 / (31 * 1440))) for series in ("BTCUSDT#5", "ETHUSDT#5")]


def answer(folder: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.sql("SET TimeZone = 'UTC'")
        files = f"read_parquet('{folder}/archive/*/records.parquet', hive_partitioning = true)"
        connection.sql(f"CREATE VIEW records AS FROM {files}")
        found: list[tuple[object, ...]] = connection.sql(query).fetchall()
        return found
