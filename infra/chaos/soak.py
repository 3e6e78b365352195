"""`python -m infra.chaos.soak [--ticks 1440]`: a day of the runner in seconds, on a clock that only sleeping moves.

The sockets are real: a stand-in exchange that fails now and then, and a table that throttles, hangs up and forgets.
What must not grow: memory, threads, file descriptors, connections.
"""

import argparse
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from handler.exchanges import binance_spot
from handler.exchanges.client import DepthClient
from handler.invocation import RecordWriter
from handler.record import Record
from handler.runner import Runner
from handler.sampler import Sampler
from handler.stores.dynamodb import dynamodb_client
from handler.stores.table import Table
from infra.chaos.processes import AWS, free_port, listening
from infra.chaos.sizes import Size, flat, growth, size

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


class SimulatedClock:
    """Starts at a whole minute; whoever sleeps moves it, and does not wait."""

    def __init__(self) -> None:
        self._now, self._lock = 1_795_262_400.0, threading.Lock()

    def monotonic(self) -> float:
        """The same as `time`: nobody sets this clock."""
        return self._now

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def sleep(self, seconds: float, /) -> None:
        """Move on."""
        with self._lock:
            self._now += seconds


class Soak:
    """A runner as the command line makes it, its clock apart, and the sizes after each tick."""

    def __init__(self, exchange_url: str, record: Callable[[str], object]) -> None:
        self.sizes: list[Size] = []
        self.stored = self.duplicates = self.failed = 0
        clock = SimulatedClock()
        self._clock = clock
        table = Table("soak", client=dynamodb_client(attempts=1), clock=clock)
        self._delivery = RecordWriter(record, detail=True, store=table)
        exchange = DepthClient(binance_spot, (exchange_url,), connections=len(SYMBOLS), clock=clock)
        sampler = Sampler(exchange, SYMBOLS, (5, 20))
        self.runner = Runner(sampler, self._emit, interval_seconds=60, aligned=True, clock=clock)

    def _emit(self, records: list[Record]) -> None:
        stored = self._delivery.deliver(records, self._clock.monotonic() + 10)
        self.stored, self.failed = self.stored + stored.stored, self.failed + len(stored.failed)
        if records and records[-1].symbol == SYMBOLS[-1]:
            self.sizes.append(size())


def soak(ticks: int, seed: int) -> dict[str, float]:
    """Run so many ticks; what grew, and by how much."""
    logging.getLogger("handler").setLevel(logging.CRITICAL)
    port, table = free_port(), free_port()
    faults = ("--fault-rate", "0.1", "--fault-seed", str(seed), "--faults", *FAULTS)
    with TemporaryDirectory() as folder:
        exchange = ("infra.fake_exchange", "--port", str(port), "--weight-limit", "0", *faults, "--symbols", *SYMBOLS)
        stand_in = ("infra.chaos.forgetful", str(table), str(seed))
        with (
            listening(Path(folder) / "exchange", port, *exchange),
            listening(Path(folder) / "table", table, *stand_in),
            Path(os.devnull).open("w") as nowhere,
        ):
            os.environ.update(AWS | {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table}"})
            run, start = Soak(f"http://127.0.0.1:{port}", nowhere.write), time.monotonic()
            measured = run.runner.run(ticks)
            seconds = time.monotonic() - start
    counts = {"ticks": ticks, "seconds": round(seconds, 1), "measured": measured, "stored": run.stored}
    return counts | {f"{name} at the end": getattr(run.sizes[-1], name) for name in Size.__slots__} | growth(run.sizes)


def main() -> int:
    """Print the figures as one JSON object; returns 1 if anything grew."""
    parser = argparse.ArgumentParser(prog="python -m infra.chaos.soak", description=main.__doc__)
    parser.add_argument("--ticks", type=int, default=DAY, help="intervals of a minute (default %(default)s: a day)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same faults")
    options = parser.parse_args()
    found = soak(options.ticks, options.seed)
    print(json.dumps(found))
    return 0 if flat(found) else 1


if __name__ == "__main__":
    sys.exit(main())
