"""What all contenders share: one sample in a new process, or commands from the benchmark, one line each.

It imports next to nothing, so that a new process is measured with its contender only.
"""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

Levels = Sequence[Sequence[str]]
THREADS = 16
PATHS = {"spot": "/api/v3/depth", "usdm": "/fapi/v1/depth"}


def split(symbol: str) -> tuple[str, str]:
    """Market and pair: `usdm:BTCUSDT` is a futures contract, `BTCUSDT` is on spot."""
    market, _, pair = symbol.rpartition(":")
    return market or "spot", pair


def target(symbol: str, levels: int) -> str:
    """Path and query of a depth request."""
    market, pair = split(symbol)
    return f"{PATHS[market]}?symbol={pair}&limit={levels}"


class Threaded:
    """A contender whose client blocks: a sweep runs in 16 threads."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._pool = ThreadPoolExecutor(THREADS)

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """One after the other."""
        return [self.sample(symbol, levels) for _ in range(count)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """In threads."""
        return list(self._pool.map(lambda symbol: self.sample(symbol, levels), symbols))

    def sample(self, symbol: str, levels: int) -> str:
        """One sample, as a record line."""
        raise NotImplementedError


def line(symbol: str, bids: Levels, asks: Levels, levels: int) -> str:
    """A record line as a plain script writes it, with rounded floats."""
    from datetime import UTC, datetime

    bid, ask = notional(bids), notional(asks)
    record = {
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "symbol": symbol,
        "obi": round((bid - ask) / (bid + ask), 6) if bid + ask else 0.0,
        "notional_bid": round(bid, 6),
        "notional_ask": round(ask, 6),
        "levels": levels,
    }
    return json.dumps(record, separators=(",", ":"))


def notional(side: Levels) -> float:
    """The sum of price times quantity."""
    total = 0.0
    for level in side:
        total += float(level[0]) * float(level[1])
    return total


def run(make: Callable[[str], Any]) -> None:
    """`cold URL` prints one sample, `serve URL` reads commands. `make` takes the exchange's URL."""
    mode, url = sys.argv[1:]
    contender = make(url)
    if mode == "serve":
        from infra.bench.serve import serve

        serve(contender)
    else:
        print(*contender.samples("BTCUSDT", 100, 1), flush=True)
        if close := getattr(contender, "close", None):
            close()
