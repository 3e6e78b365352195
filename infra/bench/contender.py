"""What all contenders share: one sample in a fresh process, or commands from the benchmark, one line each.

It loads next to nothing by itself, so that a fresh process is charged for its contender only.
"""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

Levels = Sequence[Sequence[str]]


class Contender(Protocol):
    """One way to sample. It is made with the exchange's URL."""

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """So many samples of one pair, one after the other, as record lines."""

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """One sample of each pair, concurrently where the contender can, as record lines in the order asked for."""


def line(symbol: str, bids: Levels, asks: Levels, levels: int) -> str:
    """A record line as a plain script writes it: floats, rounded as they are."""
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
    """Price times quantity, summed."""
    total = 0.0
    for level in side:
        total += float(level[0]) * float(level[1])
    return total


def run(make: Callable[[str], Contender]) -> None:
    """`cold URL [PACKAGES]` prints one sample, and stores it where PACKAGES holds boto3; `serve URL …` obeys stdin."""
    mode, url, *packages = sys.argv[1:]
    sys.path += packages  # last, so that a contender's own packages win
    contender = make(url)
    if mode == "cold":
        _cold(contender, store=bool(packages))
    else:
        _serve(contender)


def _cold(contender: Contender, *, store: bool) -> None:
    lines = contender.samples("BTCUSDT", 100, 1)
    print(*lines, flush=True)
    if store:
        from infra.bench.store import Store

        Store().put(lines)
    if close := getattr(contender, "close", None):
        close()


def _serve(contender: Contender) -> None:
    from infra.bench.serve import serve

    serve(contender)


def obi(record_line: str) -> float:
    """The imbalance in a record line."""
    record: dict[str, Any] = json.loads(record_line)
    return float(record["obi"])
