"""Reading and loading: `history` from a table, from lines and from Parquet, and `load`."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from handler.slots import format_milliseconds, format_timestamp, parse_timestamp
from infra.bench.environments import OURS
from infra.bench.processes import run_process
from infra.bench.results import Bench, Section, table
from infra.bench.servers import TABLE, dynalite

START = parse_timestamp("2025-01-01T00:00:00Z")
DAY = 86_400
POOL = 997
"""So many different measurements, over and over: what they are does not matter, making them takes time."""

Command = Sequence[str | Path]


def run(bench: Bench) -> Section:
    """A year of one pair and a day of 400; less in a quick run. Each command once: it takes seconds."""
    days, pairs = (3, 10) if bench.quick else (365, 400)
    handler: Command = [bench.environments.python(OURS), "-m", "handler"]
    symbols = [f"S{number:03}USDT" for number in range(pairs)]
    with TemporaryDirectory() as folder, dynalite() as aws:
        year, day, hour = (Path(folder) / f"{name}.jsonl" for name in ("year", "day", "hour"))
        bench.log("reading: writing lines")
        _write(year, ["BTCUSDT"], days * 1440)
        _write(day, symbols, 1440)
        _write(hour, symbols, 60)
        of_year, of_day = (
            ["history", "--symbol", *listed, "--since", format_timestamp(START), "--until", format_timestamp(end)]
            for listed, end in ((["BTCUSDT"], START + days * DAY), (symbols, START + DAY))
        )
        year_name, day_name, hour_name = (
            f"{days} days of one pair",
            f"a day of {pairs} pairs",
            f"an hour of {pairs} pairs",
        )
        records = {year_name: days * 1440, day_name: pairs * 1440, hour_name: pairs * 60}
        commands: dict[str, Command] = {
            f"{year_name}, `load` into a table": ["load", year, "--table", TABLE],
            f"{hour_name}, `load` into a table": ["load", hour, "--table", TABLE],
            f"{year_name}, `history` from the table": [*of_year, "--table", TABLE],
            f"{year_name}, `history --detail` from the table": [*of_year, "--table", TABLE, "--detail"],
            f"{hour_name}, `history` from the table": [*of_day, "--table", TABLE],
        }
        for name, lines, command in ((year_name, year, of_year), (day_name, day, of_day)):
            parquet = lines.with_suffix(".parquet")
            commands |= {
                f"{name}, lines to Parquet": [*command, "--from", lines, "--format", "parquet", "--output", parquet],
                f"{name}, `history` from lines": [*command, "--from", lines],
                f"{name}, `history` from Parquet": [*command, "--from", parquet],
                f"{name}, `history --detail` from Parquet": [*command, "--from", parquet, "--detail"],
            }
        rows = {
            name: _measure(bench, name, [*handler, *command], aws, records[name.partition(",")[0]])
            for name, command in commands.items()
        }
        sizes = ", ".join(f"{file.name} {file.stat().st_size / 1e6:.0f} MB" for file in sorted(Path(folder).iterdir()))
    text = [
        "One record a minute, with detail. The table is dynalite, over LevelDB on disk: moto scans the whole table for"
        " every page, so that moto would be what is measured. From the start of a process to its end; `history` prints"
        " to a pipe that is read.",
        table(["", "records", "s", "records/s", "CPU of a record, µs", "peak memory, MB"], rows),
        f"Files: {sizes}.",
    ]
    return Section("Reading and loading", "\n\n".join(text))


def _measure(bench: Bench, name: str, command: Command, aws: dict[str, str], records: int) -> list[str]:
    bench.log(f"reading: {name}")
    cost, output = run_process(command, aws)
    if (printed := output.count(b"\n")) not in (0, records):
        raise RuntimeError(f"{name}: {printed} lines of {records} records")
    rate, micros = records / cost.wall, cost.cpu * 1e6 / records
    return [f"{records:,}", f"{cost.wall:.1f}", f"{rate:,.0f}", f"{micros:.0f}", f"{cost.peak_mb:.0f}"]


def _write(file: Path, symbols: Sequence[str], minutes: int) -> None:
    with file.open("w", encoding="utf-8") as output:
        output.writelines(_lines(symbols, minutes))


def _lines(symbols: Sequence[str], minutes: int) -> Iterator[str]:
    """A record with detail of each pair for each minute, in the order in which the sampler prints them."""
    draw = random.Random(0)
    numbers = [_numbers(draw) for _ in range(POOL)]
    for minute in range(minutes):
        received_ms = (START + minute * 60) * 1000 + 250
        timestamp, received_at = format_timestamp(received_ms // 1000), format_milliseconds(received_ms)
        for index, symbol in enumerate(symbols):
            amounts, detail = numbers[(minute * 7919 + index) % POOL]
            yield (
                f'{{"timestamp":"{timestamp}","symbol":"{symbol}",{amounts},"levels":5,"market":"spot",{detail},'
                f'"last_update_id":{70_000_000_000 + minute},"host":"data-api.binance.vision",'
                f'"received_at":"{received_at}","exchange_time":null,"interval_seconds":60,"latency_ms":41.25}}\n'
            )


def _numbers(draw: random.Random) -> tuple[str, str]:
    """The amounts of a record, and most of its detail, as JSON."""
    amounts = {"obi": draw.uniform(-1, 1), "notional_bid": draw.uniform(1, 1e6), "notional_ask": draw.uniform(1, 1e6)}
    bid = 90_000 + draw.random()
    detail = {"obi_quantity": draw.uniform(-1, 1), "best_bid": bid, "best_bid_quantity": draw.random()}
    detail |= {
        "best_ask": bid + 0.01,
        "best_ask_quantity": draw.random(),
        "mid": bid + 0.005,
        "microprice": bid + 0.002,
    }
    detail |= {"spread_bps": 0.001111, "reach_bid_bps": draw.random(), "reach_ask_bps": draw.random()}
    first, second = (",".join(f'"{key}":{value:.6f}' for key, value in values.items()) for values in (amounts, detail))
    return first, second
