"""The series of a scenario, by the keys under which the table keeps them: shares no code with the product. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

SPOT, FUTURES = "spot", "usdm"


class Depths(NamedTuple):
    """What a scenario measures of each book: the top `levels`, and what is within `bps`; of so many levels at most."""

    levels: Sequence[int] = (5,)
    bps: Sequence[int] = (10,)
    limit: int = 100


class Series(NamedTuple):
    """One series: the pair as log messages name it, the key in the table, and how its depth is measured."""

    symbol: str
    key: str
    is_distance: bool


def all_series(symbols: Iterable[str], depths: Depths, market: str) -> list[Series]:
    """All series of a scenario in the order in which they are printed: by pair, then levels, then distances."""
    return [
        Series(symbol, series_key(depth | {"symbol": symbol, "market": market}), "bps" in depth)
        for symbol in symbols
        for depth in (*({"levels": levels} for levels in depths.levels), *({"bps": bps} for bps in depths.bps))
    ]


def series_key(record: Mapping[str, Any]) -> str:
    """The key of a record's series: `BTCUSDT#5`, `BTCUSDT@10bps`; another market than spot goes in front."""
    market = record.get("market") or SPOT
    pair = record["symbol"] if market == SPOT else f"{market}:{record['symbol']}"
    bps = record.get("bps")
    return f"{pair}#{record['levels']}" if bps is None else f"{pair}@{bps}bps"


def has_data(record: Mapping[str, Any]) -> bool:
    """Whether something was measured; within a distance that may be nothing."""
    if record.get("bps") is None:
        return bool(record["notional_bid"] or record["notional_ask"])
    return record["covered"] is not None
