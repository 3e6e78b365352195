"""The sampler of this project, put together as its runner does."""

import os
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from handler import bootstrap
from handler.exchanges.client import DepthClient
from handler.exchanges.market import MARKETS
from handler.record import Depth, Record
from handler.sampler import Sampler
from infra.bench.contender import run, split

TIMEOUT_SECONDS = 60.0


class Ours:
    """The sampler; its records are printed, and stored on request."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sink = os.open(os.devnull, os.O_WRONLY)
        self._table = lru_cache(self._make_table)
        self._sampler = lru_cache(maxsize=64)(self._make_sampler)
        bootstrap.resume_garbage_collection()  # as the runner does once it is loaded

    def run_command(
        self,
        *,
        levels: int,
        symbol: str = "",
        symbols: Sequence[str] = (),
        bps: Sequence[int] = (),
        limit: int = 0,
        count: int = 1,
        detail: bool = False,
        store: bool = False,
    ) -> list[str]:
        """So many ticks, printed and on request stored; at these levels and within these distances."""
        depths = (Depth(levels), *(Depth(limit, distance) for distance in bps))
        sampler = self._sampler(tuple(symbols) or (symbol,), depths, limit or levels, detail or store)
        lines: list[str] = []
        for _ in range(count):
            deadline = time.monotonic() + TIMEOUT_SECONDS
            for samples in sampler.sample(deadline):
                records = [sample for sample in samples if isinstance(sample, Record)]
                lines += [self._print(record.to_line(detail=detail)) for record in records]
                if store:
                    self._table().put(records, deadline)
        return lines

    def _print(self, line: str) -> str:
        os.write(self._sink, f"{line}\n".encode())
        return line

    def _make_sampler(self, symbols: Sequence[str], depths: Sequence[Depth], limit: int, detail: bool) -> Sampler:
        market, _ = split(symbols[0])
        pairs = [split(symbol)[1] for symbol in symbols]
        exchange = DepthClient(MARKETS[market], (self._url,), connections=len(pairs))
        return Sampler(exchange, pairs, depths, limit=limit, interval_seconds=60, market=market, detail=detail)

    def _make_table(self) -> Any:
        from handler.stores.dynamodb import dynamodb_client
        from handler.stores.table import Table

        table = Table("obi", client=dynamodb_client(attempts=1))
        bootstrap.resume_garbage_collection()
        return table


if __name__ == "__main__":
    run(Ours)
