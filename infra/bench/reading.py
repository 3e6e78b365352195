"""Reading and loading: `history` and `load` compared with loops over boto3's paginator and `Table.put_item`."""

import json
import random
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from handler.slots import format_timestamp, parse_timestamp
from infra.bench.environments import OURS
from infra.bench.processes import CONTENDERS, Cost, run_process
from infra.bench.results import Bench, Section, ratio, table
from infra.bench.servers import TABLE, dynalite

START = parse_timestamp("2026-01-01T00:00:00Z")
DAY = 86_400
ROUNDS = 5
DAYS = (1, 30, 90)
QUICK_DAYS = (1, 5, 14)
PUT_LINES = 2_000
"""Lines that the loop of put_item stores: its rate does not depend on how many."""

PAGINATOR = "boto3's paginator, counting"


class Run(NamedTuple):
    """What a process took, and how many lines it printed."""

    cost: Cost
    lines: int


def run(bench: Bench) -> Section:
    """Fill a table by `load`, then read it."""
    python = bench.environments.python(OURS)
    days = QUICK_DAYS if bench.quick else DAYS
    with TemporaryDirectory() as folder, dynalite() as aws:
        file = Path(folder) / "records.jsonl"
        lines = _write_lines(file, days[-1])
        bench.log(f"reading: putting {PUT_LINES:,} and loading {lines:,} records")
        loading = _load(python, file, lines, aws)
        bench.log("reading: reading")
        text = [_read(python, days, bench.rounds(ROUNDS), lines, aws), loading]
    return Section("Reading and loading", "\n\n".join(text))


def _write_lines(file: Path, days: int) -> int:
    """A line each minute for BTCUSDT, and every other minute, thus with gaps, for ETHUSDT. Returns how many."""
    btc, eth = (
        [_line(symbol, START + minute * 60 + 3) for minute in range(0, days * 1440, step)]
        for symbol, step in (("BTCUSDT", 1), ("ETHUSDT", 2))
    )
    with file.open("w", encoding="utf-8") as output:
        output.writelines(chain(btc, eth))
    return len(btc) + len(eth)


def _line(symbol: str, timestamp: int) -> str:
    draw = random.Random(f"{symbol}/{timestamp}")
    record = {
        "timestamp": format_timestamp(timestamp),
        "symbol": symbol,
        "obi": round(draw.uniform(-1, 1), 6),
        "notional_bid": round(draw.uniform(0, 1e6), 6),
        "notional_ask": round(draw.uniform(0, 1e6), 6),
        "levels": 5,
        "obi_quantity": round(draw.uniform(-1, 1), 6),
        "best_bid": round(90_000 + draw.random(), 2),
        "best_ask": round(90_001 + draw.random(), 2),
        "mid": round(90_000.5 + draw.random(), 3),
        "spread_bps": round(draw.random(), 6),
        "levels_bid": 5,
        "levels_ask": 5,
        "reach_bid_bps": round(draw.random(), 6),
        "reach_ask_bps": round(draw.random(), 6),
        "last_update_id": 70_000_000_000 + timestamp,
        "host": "data-api.binance.vision",
        "latency_ms": round(draw.uniform(1, 200), 3),
    }
    return json.dumps(record, separators=(",", ":")) + "\n"


def _load(python: Path, file: Path, lines: int, aws: dict[str, str]) -> str:
    put_file = file.with_name("put.jsonl")
    with file.open(encoding="utf-8") as source:
        put_file.write_text("".join(islice(source, PUT_LINES)), encoding="utf-8")
    put_rate = float(run_process([python, CONTENDERS / "boto3_table.py", "put", TABLE, put_file], aws)[1])
    cost, _ = run_process([python, "-m", "handler", "load", file, "--table", TABLE], aws)
    load_rate = lines / cost.wall
    return f"""### Loading

`load` of {lines:,} lines on dynalite, from the start of the process to its end: **{load_rate:,.0f}** records a second,
{cost.peak_mb:.0f} MB. A loop of boto3's `Table.put_item`, without its start: {put_rate:,.0f}. That is
{load_rate / put_rate:.1f} times the rate. Target: ≥ 5."""


def _read(python: Path, days: Sequence[int], rounds: int, lines: int, aws: dict[str, str]) -> str:
    short, middle, long = ({name: _run(command, aws) for name, command in _contenders(python, d).items()} for d in days)
    runs: dict[str, list[Cost]] = {name: [] for name in middle}
    for _ in range(rounds):
        for name, command in _contenders(python, days[1]).items():
            runs[name].append(_run(command, aws).cost)
    base = runs[PAGINATOR]
    rows = {
        name: [
            f"{days[1] * 1440 / median(cost.wall for cost in costs):,.0f}",
            ratio([cost.wall for cost in base], [cost.wall for cost in costs]),
            ratio([cost.cpu for cost in base], [cost.cpu for cost in costs]),
            *(f"{size[name].cost.peak_mb:.0f}" for size in (short, middle, long)),
            ratio([cost.peak_mb for cost in costs], [cost.peak_mb for cost in base]),
        ]
        for name, costs in runs.items()
    }
    head = [
        f"{days[1] * 1440:,} records of {lines:,}",
        *("records/s", "rate ÷ paginator's", "same by CPU time"),
        *(f"MB, {count} days" for count in days),
        "memory ÷ paginator's",
    ]
    gaps = _run(_history(python, days[-1], "--symbol", "ETH", "--gaps"), aws, exit_code=3)
    return f"""### Reading

dynalite, over LevelDB on disk: moto scans the whole table for every page, so that moto would be what is measured.
Median and quartiles of {rounds} rounds, from the start of a process to its end. The paginator is boto3's, reads whole
items and only counts them; `history` without `--detail` requests six keys and the slot. The ratio of CPU time excludes
the server's share. Targets: rate ≥ 0.5, memory ≤ 1.3, the same for any range.

{table(head, rows)}

`history --gaps` found the {gaps.lines - 1:,} gaps of a series of {days[-1]} days: {gaps.cost.wall:.1f} s,
{gaps.cost.peak_mb:.0f} MB."""


def _contenders(python: Path, days: int) -> dict[str, list[str | Path]]:
    first, last = format_timestamp(START), format_timestamp(START + days * DAY - 1)
    return {
        PAGINATOR: [python, CONTENDERS / "boto3_table.py", "count", TABLE, "BTCUSDT#5", first, last],
        "`history`": _history(python, days, "--symbol", "BTC"),
        "`history --detail`": _history(python, days, "--symbol", "BTC", "--detail"),
    }


def _history(python: Path, days: int, *flags: str) -> list[str | Path]:
    times = ["--since", format_timestamp(START), "--until", format_timestamp(START + days * DAY)]
    return [python, "-m", "handler", "history", *times, "--table", TABLE, *flags]


def _run(command: Sequence[str | Path], aws: dict[str, str], exit_code: int = 0) -> Run:
    cost, output = run_process(command, aws, exit_code=exit_code)
    return Run(cost, output.count(b"\n"))
