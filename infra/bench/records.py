"""More and more records, read and loaded: what one costs, and how much memory it takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from infra.bench import servers
from infra.bench.figures import table
from infra.bench.launcher import Run, handler, measured, moments
from infra.bench.servers import environment
from infra.bench.stand_ins import place
from infra.bench.synthetic import MINUTE, write_lines


class Growth(NamedTuple):
    """So many records: the CPU microseconds of each, start-up left out; the peak of memory in MB."""

    size: int
    micros: float
    peak_mb: float


def read(url: str, sizes: Sequence[int]) -> list[Growth]:
    """`history` of the first so many minutes of the long series."""
    where = environment(**place(url))

    def history(size: int) -> Run:
        return measured(handler("history", "--symbol", "BTC", *moments(size * MINUTE)), where)

    return _growth(sizes, [history(size) for size in sizes], history(1))


def load(file: Path, sizes: Sequence[int]) -> list[Growth]:
    """`load` of so many lines into a table that takes everything at once; `file` is overwritten."""
    with servers.table() as aws:
        where = environment(**aws, OBI_TABLE="obi")

        def loaded(size: int) -> Run:
            write_lines(file, size)
            return measured(handler("load", str(file)), where)

        return _growth(sizes, [loaded(size) for size in sizes], loaded(1))


def _growth(sizes: Sequence[int], runs: Sequence[Run], start_up: Run) -> list[Growth]:
    return [
        Growth(size, (run.cpu - start_up.cpu) / (size - 1) * 1e6, run.peak_mb)
        for size, run in zip(sizes, runs, strict=True)
    ]


def tell(read: Sequence[Growth], loaded: Sequence[Growth]) -> str:
    """Both, as a table."""
    rows = {
        f"{one.size:,}": [f"{one.micros:.0f}", f"{one.peak_mb:.0f}", f"{two.micros:.0f}", f"{two.peak_mb:.0f}"]
        for one, two in zip(read, loaded, strict=True)
    }
    head = ["records", "`history`: CPU of a record, µs", "peak, MB", "`load`: CPU of a record, µs", "peak, MB"]
    return f"""### Growth

`history` out of dynalite, `load` into a stand-in that takes everything at once; one process each. The CPU of the
process is shared out to its records, after that of a process with a single record is taken off.

{table(head, rows)}"""
