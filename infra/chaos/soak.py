"""`python -m infra.chaos.soak [--ticks 1440]`: a day of the runner in seconds, with a clock that only `sleep` moves.

The sockets are real: a fake exchange that fails now and then, and a table that fails and keeps nothing. Memory,
threads, file descriptors and connections must not grow.
"""

import argparse
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from handler.exchanges import binance_spot
from handler.exchanges.client import DepthClient
from handler.invocation import RecordWriter
from handler.record import Depth, Record
from handler.runner import Runner
from handler.sampler import Sampler
from handler.stores.dynamodb import dynamodb_client
from handler.stores.table import Table
from infra.chaos.processes import ROOT
from infra.testkit.aws import AWS
from infra.testkit.clock import FakeClock
from infra.testkit.processes import free_port, run_server

DAY = 1440
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "DOGEUSDT")
FAULTS = (
    "500",
    "reset",
    "refused",
    "cut",
    "close-reuse",
    "close-idle",
    "html",
    "json-nan",
    "redirect",
    "huge=5",
    "429=1",
)


MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""Settings of glibc with which it returns large buffers at once, instead of keeping megabytes now and then."""
WARM_UP = 0.25
"""The share of the ticks after which nothing may grow any more: caches and pools are full by then."""
MAX_GROWTH_MB = 2.0


@dataclass(frozen=True, slots=True)
class ProcessSize:
    """What a process holds: resident memory in MB, threads, file descriptors, sockets among them."""

    megabytes: float
    threads: int
    descriptors: int
    sockets: int


def process_size() -> ProcessSize:
    """The size of this process, as the kernel reports it."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    sockets = sum(link.startswith("socket:") for link in links)
    return ProcessSize(pages * os.sysconf("SC_PAGESIZE") / 2**20, threading.active_count(), len(links), sockets)


def growth(sizes: list[ProcessSize]) -> dict[str, float]:
    """From the first tenth after warming up to the last: the difference of the mean memory, and of the maxima else."""
    warm = sizes[int(len(sizes) * WARM_UP) :]
    tenth = max(len(warm) // 10, 1)
    first, last = warm[:tenth], warm[-tenth:]
    grown = {"megabytes": fmean(size.megabytes for size in last) - fmean(size.megabytes for size in first)}
    for name in ("threads", "descriptors", "sockets"):
        grown[name] = max(getattr(size, name) for size in last) - max(getattr(size, name) for size in warm[:-tenth])
    return {name: round(value, 2) + 0.0 for name, value in grown.items()}


def has_grown(found: dict[str, float]) -> bool:
    """Whether anything grew."""
    return found["megabytes"] >= MAX_GROWTH_MB or max(found[name] for name in ("threads", "descriptors", "sockets")) > 0


class Soak:
    """A runner as the command line makes it, with a fake clock, and the process's size after each tick."""

    def __init__(self, exchange_url: str, record: Callable[[str], object]) -> None:
        self.sizes: list[ProcessSize] = []
        self.stored = self.duplicates = self.failed = 0
        clock = FakeClock()
        self._clock = clock
        table = Table("soak", client=dynamodb_client(attempts=1), clock=clock)
        self._writer = RecordWriter(record, detail=True, store=table)
        exchange = DepthClient(binance_spot, (exchange_url,), connections=len(SYMBOLS), clock=clock)
        sampler = Sampler(exchange, SYMBOLS, (Depth(5), Depth(20, bps=10)), limit=20, interval_seconds=60)
        self.runner = Runner(sampler, self._emit, interval_seconds=60, aligned=True, clock=clock)

    def _emit(self, records: list[Record]) -> None:
        result = self._writer.deliver(records, self._clock.monotonic() + 10)
        self.stored, self.failed = self.stored + result.stored, self.failed + len(result.failed)
        if records and records[-1].symbol == SYMBOLS[-1]:
            self.sizes.append(process_size())


def soak(ticks: int, seed: int) -> dict[str, float]:
    """Run so many ticks; returns counts, and what grew by how much."""
    logging.getLogger("handler").setLevel(logging.CRITICAL)
    port, table = free_port(), free_port()
    faults = ("--fault-rate", "0.1", "--fault-seed", str(seed), "--faults", *FAULTS)
    with TemporaryDirectory() as folder:
        exchange = ("infra.fake_exchange", "--port", str(port), "--weight-limit", "0", *faults, "--symbols", *SYMBOLS)
        proxy = ("infra.testkit.table_proxy", str(table), str(seed))
        with (
            _run_module(Path(folder) / "exchange", port, *exchange),
            _run_module(Path(folder) / "table", table, *proxy),
            Path(os.devnull).open("w") as nowhere,
        ):
            os.environ.update(AWS | {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table}"})
            run, start = Soak(f"http://127.0.0.1:{port}", nowhere.write), time.monotonic()
            measured = run.runner.run(ticks)
            seconds = time.monotonic() - start
    counts = {"ticks": ticks, "seconds": round(seconds, 1), "measured": measured, "stored": run.stored}
    return (
        counts
        | {f"{name} at the end": getattr(run.sizes[-1], name) for name in ProcessSize.__slots__}
        | growth(run.sizes)
    )


def _run_module(log: Path, port: int, *command: str) -> AbstractContextManager[Path]:
    return run_server([sys.executable, "-m", *command], port, log, PYTHONPATH=str(ROOT))


def main() -> int:
    """Print the figures as one JSON object; returns 1 if anything grew."""
    if not MALLOC.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, "-m", "infra.chaos.soak", *sys.argv[1:]], os.environ | MALLOC)  # noqa: S606
    parser = argparse.ArgumentParser(prog="python -m infra.chaos.soak", description=main.__doc__)
    parser.add_argument("--ticks", type=int, default=DAY, help="intervals of a minute (default %(default)s: a day)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same faults")
    options = parser.parse_args()
    found = soak(options.ticks, options.seed)
    print(json.dumps(found))
    return 1 if has_grown(found) else 0


if __name__ == "__main__":
    sys.exit(main())
