"""`python -m handler series`: which series are stored, and from when to when."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handler.cli import ExitCode, Write
from handler.cli.parser import Parser
from handler.cli.query import Query
from handler.cli.sources import TABLES, open_files, open_tables
from handler.cli.streams import print_message
from handler.exchanges.market import MARKETS
from handler.options import Options
from handler.record import DEFAULT_MARKET, Series, compact_json
from handler.settings import read_distances, read_interval_seconds, read_levels, read_markets, read_pairs
from handler.slots import MAX_EPOCH_SECONDS, format_timestamp
from handler.stores.store import Extent, RecordSource

FLAGS = ("--symbol", "--market", "--levels", "--bps", "--interval_seconds", "--quote", "--table", "--from")
EPILOG = "Of a table, it is the series that flags or variables name; of files, all that flags do not exclude."


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the first and the last slot of each series that is stored, one JSON object per line."""
    options = Options(Parser(" series", run.__doc__ or "", FLAGS, EPILOG, lists=TABLES).read(argv), environment)
    interval_seconds = read_interval_seconds(options)
    lines = _of_files if options.is_given("--from") else _of_tables
    for line in lines(options, interval_seconds):
        write(compact_json(line))
    return ExitCode.OK


def _of_tables(options: Options, interval_seconds: int) -> Iterator[dict[str, Any]]:
    """Two one-item queries per series: what a table holds besides could only be found by reading all of it."""
    named = Query.read(options, time.time()).series
    source = open_tables(options)
    for series in named:
        if extent := source.extent(series):
            yield _line(series, extent, interval_seconds)
        else:
            print_message(f"{source.description} holds no record of {series.key}")


def _of_files(options: Options, interval_seconds: int) -> Iterator[dict[str, Any]]:
    is_named = _Named(options)
    with open_files(options, None, 0, MAX_EPOCH_SECONDS, default_interval_seconds=interval_seconds) as source:
        named = [series for series in source.series() if is_named(series)]
        for series in named:
            if extent := source.extent(series):
                line = _line(series, extent, interval_seconds)
                yield line | _coverage(source, series, extent, line["interval_seconds"])
        if not named:
            print_message(f"{source.description} holds no record of the series named")


class _Named:
    """Whether the flags name a series; what they do not mention may be anything."""

    def __init__(self, options: Options) -> None:
        markets = read_markets(options)
        max_levels = max(market.MAX_LEVELS for market in MARKETS.values())
        self._markets = markets if options.is_flag_given("--market") else None
        self._symbols = (
            {pair.symbol for market in markets for pair in read_pairs(options, MARKETS[market])}
            if options.is_flag_given("--symbol")
            else None
        )
        levels = read_levels(options, max_levels) if options.is_flag_given("--levels") else ()
        distances_bps = read_distances(options) if options.is_flag_given("--bps") else ()
        self._depths = {(number, None) for number in levels} | {(None, bps) for bps in distances_bps}

    def __call__(self, series: Series) -> bool:
        return (
            (self._markets is None or series.market in self._markets)
            and (self._symbols is None or series.symbol in self._symbols)
            and (not self._depths or (series.levels, series.bps) in self._depths)
        )


def _line(series: Series, extent: Extent, default_interval_seconds: int) -> dict[str, Any]:
    line: dict[str, Any] = {"series": series.key, "symbol": series.symbol, "levels": series.levels}
    if series.bps is not None:
        line["bps"] = series.bps
    if series.market != DEFAULT_MARKET:
        line["market"] = series.market
    return line | {
        "interval_seconds": extent.interval_seconds or default_interval_seconds,
        "first": format_timestamp(extent.first),
        "last": format_timestamp(extent.last),
    }


def _coverage(source: RecordSource, series: Series, extent: Extent, interval_seconds: int) -> dict[str, Any]:
    """How many slots hold a record, and the share of those expected from the first one to the last one."""
    first_expected = -(-extent.first // interval_seconds) * interval_seconds
    expected = range(first_expected, extent.last + 1, interval_seconds)
    present = [slot in expected for slot in source.slots(series, extent.first, extent.last + 1)]
    return {"slots": len(present), "covered": round(sum(present) / len(expected), 6)}
