"""The sampler of this project, put together as its runner does."""

import os
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from handler import bootstrap
from handler.exchanges import binance_spot
from handler.exchanges.client import DepthClient
from handler.record import Depth, Record
from handler.sampler import Sampler
from infra.bench.contender import run

TIMEOUT_SECONDS = 60.0


class Ours:
    """The sampler; its records printed and stored on request."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sink = os.open(os.devnull, os.O_WRONLY)
        self._table = lru_cache(self._make_table)
        self._sampler = lru_cache(maxsize=64)(self._make_sampler)
        bootstrap.resume_garbage_collection()  # as the runner does once it is loaded

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """Ticks of one pair, printed."""
        return self.run_command(levels=levels, symbol=symbol, count=count)

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """One tick of many pairs, printed."""
        return self.run_command(levels=levels, symbols=symbols)

    def run_command(
        self,
        *,
        levels: int,
        symbol: str = "",
        symbols: Sequence[str] = (),
        count: int = 1,
        printed: bool = True,
        store: bool = False,
    ) -> list[str]:
        """So many ticks, printed and stored on request."""
        sampler = self._sampler(tuple(symbols) or (symbol,), levels)
        lines: list[str] = []
        for _ in range(count):
            deadline = time.monotonic() + TIMEOUT_SECONDS
            for samples in sampler.sample(deadline):
                records = [sample for sample in samples if isinstance(sample, Record)]
                lines += [self._output(record, printed=printed) for record in records]
                if store:
                    self._table().put(records, deadline)
        return lines

    def _output(self, record: Record, *, printed: bool) -> str:
        line = record.to_line(detail=False)
        if printed:
            os.write(self._sink, f"{line}\n".encode())
        return line

    def _make_sampler(self, symbols: tuple[str, ...], levels: int) -> Sampler:
        exchange = DepthClient(binance_spot, (self._url,), connections=len(symbols))
        return Sampler(exchange, symbols, (Depth(levels),), limit=levels, interval_seconds=60)

    def _make_table(self) -> Any:
        from handler.stores.dynamodb import dynamodb_client
        from handler.stores.table import Table

        table = Table("obi", client=dynamodb_client(attempts=1))
        bootstrap.resume_garbage_collection()
        return table


if __name__ == "__main__":
    run(Ours)
