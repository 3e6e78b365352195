"""`load` against what a user would write with boto3, a loop of put_item; and what a SIGKILL does to it."""

import random
import subprocess
from pathlib import Path
from statistics import median

from infra.bench.extent import Extent
from infra.bench.figures import ratio, table
from infra.bench.launcher import Commands, Run, measured
from infra.bench.servers import ROOT, environment
from infra.bench.stand_ins import TABLE, client, create_table, dynalite, moto, place

KILLS = 5


def load(commands: Commands, file: Path, extent: Extent) -> str:
    """`load` into an empty table, against a loop of put_item."""
    rows = {}
    for name, stand_in in (("moto", moto), ("dynalite", dynalite)):
        loops, loads = [], []
        for _ in range(extent.rounds):
            with stand_in() as url:
                create_table(url, "loop")
                where = create_table(url)
                before = _put_rate(commands, url, file, extent)
                loads.append(extent.lines / _load(commands, file, environment(**where)).wall)
                loops.append((before + _put_rate(commands, url, file, extent)) / 2)
        rows[name] = [f"{median(loops):,.0f}", f"{median(loads):,.0f}", ratio(loads, loops)]
    head = ["", "`Table.put_item`, records/s", "`load`, records/s", "`load` ÷ `put_item`"]
    return f"""### Loading

`load` of {extent.lines:,} lines into an empty table, from the start of the process to its end. Before and after it a
loop of boto3's `Table.put_item` over {extent.sample:,} of them, without its start: its rate is the same however many
there are, and all would take minutes. Median and quartiles of {extent.rounds} rounds. Target: ≥ 5.

{table(head, rows)}"""


def _put_rate(commands: Commands, url: str, file: Path, extent: Extent) -> float:
    command = commands.peer("put", "loop", str(file), str(extent.sample))
    done = subprocess.run(command, cwd=ROOT, env=environment(**place(url)), capture_output=True, check=True)
    return float(done.stdout)


def _load(commands: Commands, file: Path, where: dict[str, str]) -> Run:
    return measured(commands.handler("load", str(file)), where)


def kill(commands: Commands, file: Path, extent: Extent) -> str:
    """`load`, killed and started again."""
    chance = random.Random(extent.lines)
    with dynalite() as url:
        where = environment(**create_table(url))
        usual = _load(commands, file, environment(**create_table(url, "unhurt"))).wall
        found = [_killed(commands, file, where, chance.uniform(0, usual / 3), url) for _ in range(KILLS)]
        _load(commands, file, where)
        found.append(_count(url))
        same = _read_back(commands, file, where, extent)
    if not same or found[-1] != extent.lines:
        raise RuntimeError(f"after {KILLS} kills the table holds {found} items, equal to the lines: {same}")
    held = ", ".join(f"{one:,}" for one in found[:-1])
    return f"""### Killed while loading

`load` of {extent.lines:,} lines, on dynalite, ended {KILLS} times by SIGKILL at a random moment of the
first third of the {usual:.1f} s that it takes, each time started again: the table then held {held}
and at last **{found[-1]:,}** items, and `history --detail` prints the file again, byte for byte."""


def _killed(commands: Commands, file: Path, where: dict[str, str], seconds: float, url: str) -> int:
    """Load, and kill it after so long; gives how many items the table holds then."""
    process = subprocess.Popen(commands.handler("load", str(file)), cwd=ROOT, env=where, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return _count(url)


def _count(url: str) -> int:
    pages = client(url).get_paginator("scan").paginate(TableName=TABLE, Select="COUNT")
    return sum(page["Count"] for page in pages)


def _read_back(commands: Commands, file: Path, where: dict[str, str], extent: Extent) -> bool:
    command = commands.history("--symbol", "BTC", "--detail", days=extent.lines // 1440 + 1)
    done = subprocess.run(command, cwd=ROOT, env=where, stdout=subprocess.PIPE, check=True)
    return done.stdout == file.read_bytes()
