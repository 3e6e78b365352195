"""History: what reading the table and loading it cost, how that grows, and what a SIGKILL does to it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from infra.bench import loading, reading, records
from infra.bench.environments import OURS
from infra.bench.extent import FULL, QUICK
from infra.bench.launcher import Commands
from infra.bench.part import Bench, Section
from infra.bench.pictures import draw_records
from infra.bench.stand_ins import client, create_table, dynalite
from infra.bench.synthetic import fill, write_lines


def run(bench: Bench) -> Section:
    """Everything about `history` and `load`."""
    commands = Commands(bench.environments.python(OURS))
    extent = QUICK if bench.quick else FULL
    with TemporaryDirectory() as folder:
        file = Path(folder) / "records.jsonl"
        write_lines(file, extent.lines)
        with dynalite() as url:
            bench.tell(f"history: filling a table with {extent.items + extent.year * 720:,} items")
            table = create_table(url)["OBI_TABLE"]
            fill(client(url), table, every_minute=extent.items, every_other=extent.year * 720)
            bench.tell("history: reading")
            text = [reading.read(commands, url, extent)]
            bench.tell("history: reading more and more")
            read = records.read(commands, url, extent.sizes)
        bench.tell("history: loading")
        text += [loading.load(commands, file, extent), loading.kill(commands, file, extent)]
        bench.tell("history: loading more and more")
        loaded = records.load(commands, file, extent.sizes)
    text.append(records.tell(read, loaded))
    return Section("History: reading and loading", "\n\n".join(text), pictures=[draw_records(read, loaded)])
