"""The project itself, by the same parts that its runner puts together."""

import os
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from handler import bootstrap
from handler.exchanges import binance_spot
from handler.exchanges.client import DepthClient
from handler.invocation import RecordWriter
from handler.record import Record
from handler.sampler import Sampler
from infra.bench.contender import run

PATIENCE_SECONDS = 60.0


class Ours:
    """The sampler, its records printed or not, stored or not."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sink = os.open(os.devnull, os.O_WRONLY)
        self._table = lru_cache(self._make_table)
        self._sampler = lru_cache(maxsize=64)(self._make_sampler)
        bootstrap.resume_garbage_collection()  # as the runner does once it is loaded

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """Ticks of one pair, printed."""
        return self.obey(levels=levels, symbol=symbol, count=count)

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """One tick of many pairs, printed."""
        return self.obey(levels=levels, symbols=symbols)

    def obey(
        self,
        *,
        levels: int,
        symbol: str = "",
        symbols: Sequence[str] = (),
        count: int = 1,
        printed: bool = True,
        store: bool = False,
        fresh: bool = False,
    ) -> list[str]:
        """So many ticks, printed and stored if asked for; `fresh` makes new connections first."""
        if fresh:
            self._sampler.cache_clear()
        sampler = self._sampler(tuple(symbols) or (symbol,), levels)
        delivery = RecordWriter(self._write, detail=False, store=self._table() if store else None)
        for _ in range(count):
            records: list[Record] = []
            deadline = time.monotonic() + PATIENCE_SECONDS
            for samples in sampler.sample(deadline):
                measured = [sample for sample in samples if isinstance(sample, Record)]
                if printed:
                    delivery.deliver(measured, deadline)
                records += measured
        return [record.to_line(detail=False) for record in records]

    def _write(self, text: str) -> None:
        os.write(self._sink, f"{text}\n".encode())

    def _make_sampler(self, symbols: tuple[str, ...], levels: int) -> Sampler:
        return Sampler(DepthClient(binance_spot, (self._url,), connections=len(symbols)), symbols, (levels,))

    def _make_table(self) -> Any:
        from handler.stores.dynamodb import dynamodb_client
        from handler.stores.table import Table

        table = Table("obi", client=dynamodb_client(attempts=1))
        bootstrap.resume_garbage_collection()
        return table


if __name__ == "__main__":
    run(Ours)
