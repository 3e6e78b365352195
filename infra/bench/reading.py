"""Reading and loading: `history` from a table, lines and Parquet, and `load`, beside loops over boto3."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from handler.slots import format_milliseconds, format_timestamp, parse_timestamp
from infra.bench.environments import OURS
from infra.bench.processes import CONTENDERS, Cost, run_process
from infra.bench.results import Bench, Figure, Section, Target, ratio, table
from infra.bench.servers import TABLE, dynalite

START = parse_timestamp("2025-01-01T00:00:00Z")
DAY = 86_400
ROUNDS = 3
PUT_LINES = 2_000
"""Lines that the loop of put_item stores: its rate does not depend on how many."""
POOL = 997
"""So many different measurements, over and over: what they are does not matter, making them takes time."""

PAGINATOR, HISTORY, DETAIL = "boto3's paginator, counting", "`history`", "`history --detail`"
MIN_RATE, MAX_MEMORY, MIN_LOAD_RATE = 0.5, 1.3, 5.0

Aws = Mapping[str, str]


def run(bench: Bench) -> Section:
    """A year of one pair and a day of 400; of few, in a quick run."""
    days, month, pairs = (3, 1, 10) if bench.quick else (365, 30, 400)
    python = bench.environments.python(OURS)
    names = ["BTCUSDT", *(f"S{number:03}USDT" for number in range(1, pairs))]
    with TemporaryDirectory() as folder, dynalite() as aws:
        year, day, hour = (Path(folder) / f"{name}.jsonl" for name in ("year", "day", "hour"))
        bench.log("reading: writing lines")
        counts = {
            year: _write(year, _lines(names[:1], days * 1440)),
            day: _write(day, _lines(names, 1440)),
            hour: _write(hour, _lines(names[1:], 60)),
        }
        bench.log(f"reading: loading {counts[year]:,} records")
        put_rate, load = _load(python, year, aws), run_process(_load_command(python, year), aws)[0]
        run_process(_load_command(python, hour), aws)
        bench.log("reading: the table")
        rates = _alternate(python, month, bench.rounds(ROUNDS), aws)
        rows = {
            f"{days} days of 1 pair, table": _read(python, names[:1], days, aws, TABLE),
            f"an hour of {pairs - 1} pairs, table": _read(python, names[1:], 1, aws, TABLE),
        }
        for file, span, symbols in ((year, days, names[:1]), (day, 1, names)):
            bench.log(f"reading: {file.name}")
            rows |= _read_files(python, file, f"{span} day(s) of {len(symbols)} pair(s)", symbols, span)
    load_rate = counts[year] / load.wall
    text = [
        "The table is dynalite, over LevelDB on disk: moto scans the whole table for every page, so that moto would be"
        " what is measured. From the start of a process to its end; `history` prints to a pipe that is read.",
        _size_rows(rows),
        f"{month} day(s) of one pair from the table; the paginator is boto3's, reads whole items and only counts them,"
        " `history` without `--detail` requests six keys and the slot. The ratio of CPU time excludes the server's.",
        _rate_rows(rates),
        f"`load` of {counts[year]:,} lines, from the start of the process to its end: **{load_rate:,.0f}** records a"
        f" second, {load.peak_mb:.0f} MB. A loop of boto3's `Table.put_item`, without its start: {put_rate:,.0f}.",
    ]
    targets = _targets(rates)
    targets.append(Target("load, time of a record × `Table.put_item`", put_rate / load_rate, 1 / MIN_LOAD_RATE))
    return Section("Reading and loading", "\n\n".join(text), targets)


def _write(file: Path, lines: Iterable[str]) -> int:
    with file.open("w", encoding="utf-8") as output:
        return sum(1 for line in lines if output.write(line))


def _lines(symbols: Sequence[str], minutes: int) -> Iterator[str]:
    """A record with detail of each pair for each minute, in the order in which the sampler prints them."""
    draw = random.Random(0)
    numbers = [_numbers(draw) for _ in range(POOL)]
    for minute in range(minutes):
        received_ms = (START + minute * 60) * 1000 + 250
        times = format_timestamp(received_ms // 1000), format_milliseconds(received_ms)
        for index, symbol in enumerate(symbols):
            amounts, detail = numbers[(minute * 7919 + index) % POOL]
            yield (
                f'{{"timestamp":"{times[0]}","symbol":"{symbol}",{amounts},"levels":5,"market":"spot",{detail},'
                f'"last_update_id":{70_000_000_000 + minute},"host":"data-api.binance.vision",'
                f'"received_at":"{times[1]}","exchange_time":null,"interval_seconds":60,"latency_ms":41.25}}\n'
            )


def _numbers(draw: random.Random) -> tuple[str, str]:
    """The amounts of a record, and most of its detail, as JSON."""
    amounts = {"obi": draw.uniform(-1, 1), "notional_bid": draw.uniform(0, 1e6), "notional_ask": draw.uniform(0, 1e6)}
    bid = 90_000 + round(draw.random(), 2)
    detail = {"obi_quantity": draw.uniform(-1, 1), "best_bid": bid, "best_bid_quantity": draw.random()}
    detail |= {
        "best_ask": bid + 0.01,
        "best_ask_quantity": draw.random(),
        "mid": bid + 0.005,
        "microprice": bid + 0.002,
    }
    detail |= {"spread_bps": 0.001111, "levels_bid": 5, "levels_ask": 5, "reach_bid_bps": draw.random()}
    detail |= {"reach_ask_bps": draw.random()}
    first, second = (
        ",".join(f'"{key}":{value if isinstance(value, int) else round(value, 6)}' for key, value in values.items())
        for values in (amounts, detail)
    )
    return first, second


def _load_command(python: Path, file: Path) -> list[str | Path]:
    return [python, "-m", "handler", "load", file, "--table", TABLE]


def _load(python: Path, file: Path, aws: Aws) -> float:
    """How many records a second a loop of put_item stores."""
    put_file = file.with_name("put.jsonl")
    with file.open(encoding="utf-8") as source:
        put_file.write_text("".join(islice(source, PUT_LINES)), encoding="utf-8")
    return float(run_process([python, CONTENDERS / "boto3_table.py", "put", TABLE, put_file], aws)[1])


def _alternate(python: Path, days: int, rounds: int, aws: Aws) -> dict[str, list[Cost]]:
    first, last = format_timestamp(START), format_timestamp(START + days * DAY - 1)
    commands: dict[str, Sequence[str | Path]] = {
        PAGINATOR: [python, CONTENDERS / "boto3_table.py", "count", TABLE, "BTCUSDT#5", first, last],
        HISTORY: _history(python, ["BTCUSDT"], days, "--table", TABLE),
        DETAIL: _history(python, ["BTCUSDT"], days, "--table", TABLE, "--detail"),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(run_process(command, aws)[0])
    return costs


def _history(python: Path, symbols: Sequence[str], days: int, *flags: str | Path) -> list[str | Path]:
    times = ["--since", format_timestamp(START), "--until", format_timestamp(START + days * DAY)]
    return [python, "-m", "handler", "history", "--symbol", *symbols, *times, *flags]


def _read(python: Path, symbols: Sequence[str], days: int, aws: Aws, name: str) -> tuple[Cost, int]:
    cost, output = run_process(_history(python, symbols, days, "--table", name), aws)
    return cost, output.count(b"\n")


def _read_files(python: Path, lines: Path, name: str, symbols: Sequence[str], days: int) -> dict[str, tuple[Cost, int]]:
    """The same records from lines and from Parquet, which is made from the lines."""
    parquet = lines.with_suffix(".parquet")
    written, _ = run_process(
        _history(python, symbols, days, "--from", lines, "--format", "parquet", "--output", parquet)
    )
    results = {}
    for kind, file in (("lines", lines), ("Parquet", parquet)):
        cost, output = run_process(_history(python, symbols, days, "--from", file))
        results[f"{name}, {kind}, {file.stat().st_size / 1e6:.0f} MB"] = cost, output.count(b"\n")
    results[f"{name}, lines to Parquet"] = written, output.count(b"\n")
    return results


def _size_rows(rows: Mapping[str, tuple[Cost, int]]) -> str:
    cells = {
        name: [f"{count:,}", f"{cost.wall:.1f}", f"{count / cost.wall:,.0f}", f"{cost.peak_mb:.0f}"]
        for name, (cost, count) in rows.items()
    }
    return table(["`history`", "records", "s", "records/s", "peak memory, MB"], cells)


def _rate_rows(costs: Mapping[str, Sequence[Cost]]) -> str:
    rows = {name: [_rate(costs, name), _cpu(costs, name), _memory(costs, name)] for name in costs}
    return table(["÷ the paginator's", "rate", "rate by CPU time", "memory"], rows)


def _rate(costs: Mapping[str, Sequence[Cost]], name: str) -> Figure:
    return ratio([cost.wall for cost in costs[PAGINATOR]], [cost.wall for cost in costs[name]])


def _cpu(costs: Mapping[str, Sequence[Cost]], name: str) -> Figure:
    return ratio([cost.cpu for cost in costs[PAGINATOR]], [cost.cpu for cost in costs[name]])


def _memory(costs: Mapping[str, Sequence[Cost]], name: str) -> Figure:
    return ratio([cost.peak_mb for cost in costs[name]], [cost.peak_mb for cost in costs[PAGINATOR]])


def _targets(costs: Mapping[str, Sequence[Cost]]) -> list[Target]:
    return [
        target
        for name in (HISTORY, DETAIL)
        for target in (
            Target(f"{name}, time × the paginator's", 1 / _rate(costs, name).median, 1 / MIN_RATE),
            Target(f"{name}, memory × the paginator's", _memory(costs, name).median, MAX_MEMORY),
        )
    ]
