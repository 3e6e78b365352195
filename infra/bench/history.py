"""`history` and `load` against what a user would write with boto3: `python -m infra.bench.history [--quick]`.

Every contender is a process of its own, measured from its start to its end. They take turns, and each is compared with
the other one of its own round.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from handler.record import Record
from handler.times import format_time, parse_time
from infra.bench.figures import ratio, table
from infra.bench.servers import ROOT, environment
from infra.bench.stand_ins import TABLE, client, create_table, dynalite, moto, place

START = parse_time("2024-01-01T00:00:00Z")
MINUTE, DAY = 60, 86_400
BATCH = 25
KILLS = 5

LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(status, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
"""
"""Starts a process and measures it. Of a child of this process the peak of memory would be this one's, if larger."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    items: int
    year: int
    """Days that the long series holds."""
    month: int
    """Days of the range that is read."""
    lines: int
    sample: int
    """Items that the loop of put_item puts: its rate does not depend on how many."""
    rounds: int


FULL = Size(items=1_000_000, year=365, month=30, lines=100_000, sample=3_000, rounds=5)
QUICK = Size(items=50_000, year=20, month=7, lines=10_000, sample=1_000, rounds=3)


class Run(NamedTuple):
    """What a process took, and how many lines it printed."""

    wall: float
    cpu: float
    peak_mb: float
    lines: int


def run(quick: bool) -> str:
    """Measure, and tell it in Markdown."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.jsonl"
        file.write_text("".join(f"{one.to_line(detail=True)}\n" for one in islice(records("BTCUSDT"), size.lines)))
        with dynalite() as url:
            _fill(client(url), size, create_table(url)["OBI_TABLE"])
            reading = _reading(url, size)
        return "\n\n".join([reading, _loading(file, size), _killing(file, size)]) + "\n"


def records(symbol: str, step: int = 1) -> Iterator[Record]:
    """A detailed record every so many minutes, for ever."""
    chance = random.Random(symbol)
    number = 0
    while True:
        values = [round(chance.random(), 6) for _ in range(6)]
        yield Record(
            format_time(START + number * step * MINUTE + 3),
            symbol,
            round(chance.uniform(-1, 1), 6),
            round(chance.uniform(0, 1e6), 6),
            round(chance.uniform(0, 1e6), 6),
            5,
            values[0],
            round(90_000 + values[1], 2),
            round(90_001 + values[2], 2),
            round(90_000.5 + values[3], 3),
            values[3],
            5,
            5,
            values[4],
            values[5],
            70_000_000_000 + number,
            "data-api.binance.vision",
            round(chance.uniform(1, 200), 3),
        )
        number += 1


def _fill(dynamodb: Any, size: Size, name: str) -> None:
    whole, halved = size.year * 1440, size.year * 720
    rest = size.items - whole - halved
    series = [
        islice(records("BTCUSDT"), whole),
        islice(records("ETHUSDT", 2), halved),
        islice(records("SOLUSDT"), rest),
    ]

    def write(part: Sequence[Record]) -> None:
        requests = {name: [{"PutRequest": {"Item": record.to_item(MINUTE)}} for record in part]}
        while requests:
            requests = dynamodb.batch_write_item(RequestItems=requests)["UnprocessedItems"]

    with ThreadPoolExecutor(2) as pool:
        for several in _parts(_parts(chain(*series), BATCH), 400):
            list(pool.map(write, several))


def _parts(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(things)
    while part := list(islice(rest, size)):
        yield part


def _reading(url: str, size: Size) -> str:
    where = environment(**place(url))
    day, month, year = (_contenders(days) for days in (1, size.month, size.year))
    taken: dict[str, list[Run]] = {name: [] for name in month}
    for _ in range(size.rounds):
        for name, command in month.items():
            taken[name].append(_measured(command, where))
    short = {name: _measured(command, where) for name, command in day.items()}
    long = {name: _measured(command, where) for name, command in year.items()}
    bare, *_ = taken.values()
    rows = {
        name: [
            f"{size.month * 1440 / median(one.wall for one in runs):,.0f}",
            ratio([one.wall for one in bare], [one.wall for one in runs]),
            ratio([one.cpu for one in bare], [one.cpu for one in runs]),
            f"{short[name].peak_mb:.0f}",
            f"{median(one.peak_mb for one in runs):.0f}",
            f"{long[name].peak_mb:.0f}",
            ratio([one.peak_mb for one in runs], [one.peak_mb for one in bare]),
        ]
        for name, runs in taken.items()
    }
    gaps = _measured(_history("--symbol", "ETH", "--gaps", days=size.year), where, code=3)
    head = [
        f"{size.month * 1440:,} records of {size.items:,}",
        "records/s",
        "rate ÷ paginator's",
        "same by CPU time",
        "MB, 1 day",
        f"MB, {size.month} days",
        f"MB, {size.year} days",
        "memory ÷ paginator's",
    ]
    return f"""### Reading

dynalite, over LevelDB on disk: moto looks through the whole table for every page, so that with {size.items:,} items it
would be the stand-in that is measured. Median and quartiles of {size.rounds} rounds, from the start of a process to its
end. The paginator is boto3's, reads whole items and only counts them; `history` without `--detail` asks for six keys
and the slot. The ratio of CPU time leaves the stand-in's share out. Targets: rate ≥ 0.5, memory ≤ 1.3, the same for any
range.

{table(head, rows)}

`history --gaps` found the {gaps.lines - 1:,} gaps of a series of {size.year} days in one pass: {gaps.wall:.1f} s,
{gaps.peak_mb:.0f} MB."""


def _contenders(days: int) -> dict[str, list[str]]:
    first, last = format_time(START), format_time(START + days * DAY - 1)
    return {
        "boto3's paginator, counting": _peer("count", TABLE, "BTCUSDT#5", first, last),
        "`history`": _history("--symbol", "BTC", days=days),
        "`history --detail`": _history("--symbol", "BTC", "--detail", days=days),
    }


def _history(*flags: str, days: int) -> list[str]:
    moments = ["--since", format_time(START), "--until", format_time(START + days * DAY)]
    return [sys.executable, "-m", "handler", "history", *moments, *flags]


def _peer(*words: str) -> list[str]:
    return [sys.executable, "-m", "infra.bench.table_peers", *words]


def _measured(command: Sequence[str], where: dict[str, str], *, code: int = 0) -> Run:
    """Run a process through a pipe to its end."""
    launched = [sys.executable, "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launched, cwd=ROOT, env=where, capture_output=True, check=True)
    *said, told = done.stderr.decode().splitlines()
    status, wall, cpu, peak = told.split()
    if os.waitstatus_to_exitcode(int(status)) != code:
        raise RuntimeError(f"{command!r}: {said}")
    return Run(float(wall), float(cpu), int(peak) / 1024, done.stdout.count(b"\n"))


def _loading(file: Path, size: Size) -> str:
    rows = {}
    for name, stand_in in (("moto", moto), ("dynalite", dynalite)):
        loops, loads = [], []
        for _ in range(size.rounds):
            with stand_in() as url:
                create_table(url, "loop")
                where = create_table(url)
                before = _put_rate(url, file, size)
                loads.append(size.lines / _load(file, environment(**where)).wall)
                loops.append((before + _put_rate(url, file, size)) / 2)
        rows[name] = [f"{median(loops):,.0f}", f"{median(loads):,.0f}", ratio(loads, loops)]
    head = ["", "`Table.put_item`, records/s", "`load`, records/s", "`load` ÷ `put_item`"]
    return f"""### Loading

`load` of {size.lines:,} lines into an empty table, from the start of the process to its end. Before and after it a
loop of boto3's `Table.put_item` over {size.sample:,} of them, without its start: its rate is the same however many
there are, and all would take minutes. Median and quartiles of {size.rounds} rounds. Target: ≥ 5.

{table(head, rows)}"""


def _put_rate(url: str, file: Path, size: Size) -> float:
    command = _peer("put", "loop", str(file), str(size.sample))
    done = subprocess.run(command, cwd=ROOT, env=environment(**place(url)), capture_output=True, check=True)
    return float(done.stdout)


def _load(file: Path, where: dict[str, str]) -> Run:
    return _measured([sys.executable, "-m", "handler", "load", str(file)], where)


def _killing(file: Path, size: Size) -> str:
    chance = random.Random(size.lines)
    with dynalite() as url:
        where = environment(**create_table(url))
        usual = _load(file, environment(**create_table(url, "unhurt"))).wall
        found = [_killed(file, where, chance.uniform(0, usual / 3), url) for _ in range(KILLS)]
        _load(file, where)
        found.append(_count(url))
        same = _read_back(file, where, size)
    if not same or found[-1] != size.lines:
        raise RuntimeError(f"after {KILLS} kills the table holds {found} items, equal to the lines: {same}")
    held = ", ".join(f"{one:,}" for one in found[:-1])
    return f"""### Killed while loading

`load` of {size.lines:,} lines, on dynalite, ended {KILLS} times by SIGKILL at a random moment of the
first third of the {usual:.1f} s that it takes, each time started again: the table then held {held}
and at last **{found[-1]:,}** items, and `history --detail` prints the file again, byte for byte."""


def _killed(file: Path, where: dict[str, str], seconds: float, url: str) -> int:
    """Load, and kill it after so long; gives how many items the table holds then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "handler", "load", str(file)], cwd=ROOT, env=where, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return _count(url)


def _count(url: str) -> int:
    pages = client(url).get_paginator("scan").paginate(TableName=TABLE, Select="COUNT")
    return sum(page["Count"] for page in pages)


def _read_back(file: Path, where: dict[str, str], size: Size) -> bool:
    command = _history("--symbol", "BTC", "--detail", days=size.lines // 1440 + 1)
    done = subprocess.run(command, cwd=ROOT, env=where, stdout=subprocess.PIPE, check=True)
    return done.stdout == file.read_bytes()


if __name__ == "__main__":
    print(run(quick="--quick" in sys.argv[1:]))
