"""`python -m handler history`: stored records, as the sampler printed them and in the same order."""

import heapq
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Self, TypeVar

from handler.cli import ExitCode, Write
from handler.cli.formats import FORMATS, Columns
from handler.cli.gap_report import GAP_FORMATS, GapFormat, GapLine, gap_lines
from handler.cli.parser import Parser
from handler.cli.sources import TABLES, open_source
from handler.cli.streams import print_message
from handler.errors import HandlerError, InvalidTimestamp, UsageError
from handler.exchanges.binance_pairs import Pair
from handler.exchanges.market import MARKETS
from handler.options import Options
from handler.record import DEFAULT_MARKET, Record, Series
from handler.settings import (
    read_distances,
    read_interval_seconds,
    read_levels,
    read_markets,
    read_pairs,
)
from handler.slots import complete_slots, format_timestamp, measured_slots, parse_moment
from handler.stores.store import RecordSource

FLAGS = (
    "--symbol",
    "--market",
    "--levels",
    "--bps",
    "--since",
    "--until",
    "--format",
    "--detail",
    "--gaps",
    "--plot",
    "--interval_seconds",
    "--quote",
    "--table",
    "--from",
)
NOT_WITH_PLOT = ("--format", "--gaps")

AnyFormat = TypeVar("AnyFormat")


@dataclass(frozen=True, slots=True)
class Query:
    """Which series, and which slots of them: those in [since, until), in epoch seconds."""

    pairs: Mapping[str, tuple[Pair, ...]]
    """Those of each market."""
    levels: tuple[int, ...]
    distances_bps: tuple[int, ...]
    since: float
    until: float
    interval_seconds: int

    @classmethod
    def read(cls, options: Options, now: float) -> Self:
        """Flags override variables, variables override defaults. Raises UsageError."""
        since = _read_moment(options, "--since", now)
        until = _read_moment(options, "--until", now) if options.is_given("--until") else now
        if since >= until:
            raise UsageError("--since is not before --until: no slot lies between them")
        markets = {name: MARKETS[name] for name in read_markets(options)}
        return cls(
            pairs={name: read_pairs(options, market) for name, market in markets.items()},
            levels=read_levels(options, max(market.MAX_LEVELS for market in markets.values())),
            distances_bps=read_distances(options),
            since=since,
            until=until,
            interval_seconds=read_interval_seconds(options),
        )

    @property
    def series(self) -> list[Series]:
        """Each pair of each market at each depth, in the order requested: levels, then distances."""
        depths = [(levels, None) for levels in self.levels] + [(None, bps) for bps in self.distances_bps]
        return [
            Series(pair.symbol, levels, bps, market)
            for market, pairs in self.pairs.items()
            for pair in pairs
            for levels, bps in depths
        ]

    def columns(self, *, detail: bool) -> Columns:
        """The keys that some of its records have."""
        other_markets = any(market != DEFAULT_MARKET for market in self.pairs)
        return Columns.of_records(distances=bool(self.distances_bps), other_markets=other_markets, detail=detail)


class History:
    """The records of a query that a source holds, and messages about those that it does not hold."""

    def __init__(self, source: RecordSource, query: Query) -> None:
        self._source = source
        self._query = query
        self._hints = {pair.symbol: pair.hint for pairs in query.pairs.values() for pair in pairs}

    def records(self, *, detail: bool, on_empty: Callable[[Series], object]) -> Iterator[Record]:
        """The records of every series, slot by slot, within a slot in the order requested: as the sampler printed them.

        They are read as they are consumed, however long the range is. `on_empty` is called with each series that has no
        record in the range.
        """

        def read(series: Series) -> Iterator[tuple[str, Record]]:
            is_empty = True
            for slot_and_record in self._source.read(series, self._query.since, self._query.until, detail=detail):
                is_empty = False
                yield slot_and_record
            if is_empty:
                on_empty(series)

        return (record for _, record in heapq.merge(*map(read, self._query.series), key=itemgetter(0)))

    def gap_lines(self, now: float) -> Iterator[GapLine]:
        """For each series its gaps, then its total. Prints a message if the series begins within the range."""
        query = self._query
        expected = complete_slots(query.since, query.until, now, query.interval_seconds)
        for series in query.series:
            measured = self._measured_slots(series, expected)
            present = self._source.slots(series, measured.start, measured.stop, consistent=True)
            yield from gap_lines(series.key, present, measured)

    def _measured_slots(self, series: Series, expected: range) -> range:
        held = self._source.slot_range(series, consistent=True)
        if held is None:
            print_message(self._describe_unknown(series))
            return expected
        first, _ = held
        if first > expected.start:
            since = format_timestamp(first)
            print_message(f"{self._no_record(series)} before {since}, and the time before is not counted as missing")
            return measured_slots(expected, first)
        return expected

    def print_empty(self, series: Series) -> None:
        """Print what `describe_empty` says."""
        print_message(self.describe_empty(series))

    def describe_empty(self, series: Series) -> str:
        """Say that a series has no record in the range requested, and in which range it has some."""
        held = self._source.slot_range(series)
        if held is None:
            return self._describe_unknown(series)
        first, last = map(format_timestamp, held)
        return f"{self._no_record(series)} in this range, but from {first} to {last}"

    def _describe_unknown(self, series: Series) -> str:
        hint = f" ({self._hints[series.symbol]})" if self._hints[series.symbol] else ""
        checks = "check --symbol, --market, --levels, --bps, and --table or --from"
        return f"{self._no_record(series)} at any time: {checks}{hint}"

    def _no_record(self, series: Series) -> str:
        return f"{self._source.description} holds no record of {series.key}"


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the stored records, oldest first; with --gaps, the slots without one; with --plot, draw them."""
    flags = Parser(" history", run.__doc__ or "", FLAGS, lists=TABLES).read(argv)
    for flag in NOT_WITH_PLOT:
        if flags["--plot"] is not None and flags[flag] is not None:
            raise UsageError(f"{flag} and --plot are mutually exclusive: give one of them")
    options = Options(flags, environment)
    now = time.time()
    query = Query.read(options, now)
    with open_source(
        options, query.series, query.since, query.until, default_interval_seconds=query.interval_seconds
    ) as source:
        return _write_history(History(source, query), query, options, now, write)


def _write_history(history: History, query: Query, options: Options, now: float, write: Write) -> int:
    if options.is_given("--gaps"):
        return _report_gaps(history.gap_lines(now), _read_format(options, GAP_FORMATS), write)
    if options.is_given("--plot"):
        _plot(history, query, options.value("--plot"))
        return ExitCode.OK
    write_records = _read_format(options, FORMATS)
    detail = options.is_given("--detail")
    records = history.records(detail=detail, on_empty=history.print_empty)
    write_records(records, write, query.columns(detail=detail))
    return ExitCode.OK


def _plot(history: History, query: Query, path: str) -> None:
    """Draw the picture. Raises HandlerError, with the range of each series, if there is no record to draw."""
    from handler.cli.plot import check_panels, draw  # matplotlib is optional, and slow to load

    check_panels(len(query.series))
    empty: list[Series] = []
    records = history.records(detail=True, on_empty=empty.append)
    try:
        draw(records, path, query.interval_seconds, since=query.since, until=query.until)
    except HandlerError as error:
        if len(empty) < len(query.series):
            raise
        reasons = "; ".join(map(history.describe_empty, empty))
        raise HandlerError(f"nothing to draw, {path} is not written: {reasons}") from error
    for series in empty:
        history.print_empty(series)


def _report_gaps(lines: Iterator[GapLine], write_gaps: GapFormat, write: Write) -> int:
    """Write the lines; returns ExitCode.GAPS if any slot is missing, else OK."""
    has_gaps = False

    def watched() -> Iterator[GapLine]:
        nonlocal has_gaps
        for line in lines:
            has_gaps = has_gaps or line.missing > 0
            yield line

    write_gaps(watched(), write)
    return ExitCode.GAPS if has_gaps else ExitCode.OK


def _read_format(options: Options, formats: Mapping[str, AnyFormat]) -> AnyFormat:
    name = options.value("--format")
    if name not in formats:
        raise UsageError(f"--format {name} is invalid: give one of {', '.join(formats)}")
    return formats[name]


def _read_moment(options: Options, flag: str, now: float) -> float:
    try:
        return parse_moment(options.value(flag), now)
    except InvalidTimestamp as error:
        raise UsageError(f"{flag} {error}") from error
