"""More and more records, read and loaded: what one costs, and how much memory it takes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from infra.bench import servers
from infra.bench.figures import table
from infra.bench.launcher import Commands, Run, measured, moments
from infra.bench.servers import environment
from infra.bench.stand_ins import place
from infra.bench.synthetic import MINUTE, write_lines

ROUNDS = 5
SHORT = 10_000
"""So few records that start-up weighs on what each costs: measured several times."""


class Growth(NamedTuple):
    """So many records: the CPU microseconds of each, start-up left out; the peak of memory in MB."""

    size: int
    micros: float
    peak_mb: float


def read(commands: Commands, url: str, sizes: Sequence[int]) -> list[Growth]:
    """`history` of the first so many minutes of the long series."""
    where = environment(**place(url))

    def history(size: int) -> Run:
        return measured(commands.handler("history", "--symbol", "BTC", *moments(size * MINUTE)), where)

    return _growth(sizes, history)


def load(commands: Commands, file: Path, sizes: Sequence[int]) -> list[Growth]:
    """`load` of so many lines into a table that takes everything at once; `file` is overwritten."""
    with servers.table() as aws:
        where = environment(**aws, OBI_TABLE="obi")

        def loaded(size: int) -> Run:
            write_lines(file, size)
            return measured(commands.handler("load", str(file)), where)

        return _growth(sizes, loaded)


def _growth(sizes: Sequence[int], run: Callable[[int], Run]) -> list[Growth]:
    start_up = median(run(1).cpu for _ in range(ROUNDS))
    found = []
    for size in sizes:
        runs = [run(size) for _ in range(ROUNDS if size <= SHORT else 1)]
        cpu = median(each.cpu for each in runs) - start_up
        found.append(Growth(size, cpu / (size - 1) * 1e6, max(each.peak_mb for each in runs)))
    return found


def tell(read: Sequence[Growth], loaded: Sequence[Growth]) -> str:
    """Both, as a table."""
    rows = {
        f"{one.size:,}": [f"{one.micros:.0f}", f"{one.peak_mb:.0f}", f"{two.micros:.0f}", f"{two.peak_mb:.0f}"]
        for one, two in zip(read, loaded, strict=True)
    }
    head = ["records", "`history`: CPU of a record, µs", "peak, MB", "`load`: CPU of a record, µs", "peak, MB"]
    return f"""### Growth

`history` out of dynalite, `load` into a stand-in that takes everything at once; one process each. The CPU of the
process is shared out to its records, after that of a process with a single record is taken off; up to {SHORT:,}
records both are medians of {ROUNDS}.

{table(head, rows)}"""
