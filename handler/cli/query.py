"""Which records `history` reads, and how it reads them from a source: slot by slot, in steps, or their gaps."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from typing import Self

from handler.cli.every import check_step, in_time_order
from handler.cli.formats import Columns
from handler.cli.gap_report import GapLine, gap_lines
from handler.cli.intervals import Intervals
from handler.cli.streams import print_message
from handler.errors import InvalidTimestamp, UsageError
from handler.exchanges.binance_pairs import Pair
from handler.exchanges.market import MARKETS
from handler.options import Options
from handler.record import DEFAULT_MARKET, Series
from handler.settings import read_distances, read_interval_seconds, read_levels, read_markets, read_pairs
from handler.slots import SETTLING_SECONDS, complete_slots, format_timestamp, measured_slots, parse_moment
from handler.steps import Step, Steps
from handler.stores.store import RecordSource, SlotRecord


@dataclass(frozen=True, slots=True)
class Query:
    """Which series, and which slots of them: those in [since, until), in epoch seconds."""

    pairs: Mapping[str, tuple[Pair, ...]]
    """Those of each market."""
    levels: tuple[int, ...]
    distances_bps: tuple[int, ...]
    since: float
    until: float
    default_interval_seconds: int
    """Of series whose records do not have their own."""
    given_interval_seconds: int | None
    """Of every series, whatever its records have."""

    @classmethod
    def read(cls, options: Options, now: float) -> Self:
        """Flags override variables, variables override defaults. Raises UsageError."""
        since = _read_moment(options, "--since", now)
        until = _read_moment(options, "--until", now) if options.is_given("--until") else now
        if since >= until:
            raise UsageError("--since is not before --until: no slot lies between them")
        interval_seconds = read_interval_seconds(options)
        markets = {name: MARKETS[name] for name in read_markets(options)}
        return cls(
            pairs={name: read_pairs(options, market) for name, market in markets.items()},
            levels=read_levels(options, max(market.MAX_LEVELS for market in markets.values())),
            distances_bps=read_distances(options),
            since=since,
            until=until,
            default_interval_seconds=interval_seconds,
            given_interval_seconds=interval_seconds if options.is_given("--interval_seconds") else None,
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
        self._intervals = Intervals(source, query.given_interval_seconds, query.default_interval_seconds)
        self._hints = {pair.symbol: pair.hint for pairs in query.pairs.values() for pair in pairs}

    def records(self, *, detail: bool, on_empty: Callable[[Series], object]) -> Iterator[SlotRecord]:
        """The records of every series, slot by slot, within a slot in the order requested: as the sampler printed them.

        Each comes with its slot. They are read as they are consumed, however long the range is. `on_empty` is called
        with each series that has no record in the range.
        """
        return merge(*(self._read(series, on_empty, detail=detail) for series in self._query.series), key=itemgetter(0))

    def steps(self, step_seconds: int, *, on_empty: Callable[[Series], object]) -> Iterator[Step]:
        """The records summed up in steps, in the same order. Raises UsageError if they are not of whole intervals."""
        query = self._query

        def read(series: Series) -> Iterator[Step]:
            interval_seconds = self._intervals.expected_seconds(self._source.extent(series))
            check_step(series.key, step_seconds, interval_seconds)
            rows = self._intervals.watch_records(series, self._read(series, on_empty, detail=True))
            return Steps(step_seconds, interval_seconds, query.since, query.until).of(rows)

        return in_time_order([read(series) for series in query.series])

    def _read(self, series: Series, on_empty: Callable[[Series], object], *, detail: bool) -> Iterator[SlotRecord]:
        is_empty = True
        for slot_and_record in self._source.read(series, self._query.since, self._query.until, detail=detail):
            is_empty = False
            yield slot_and_record
        if is_empty:
            on_empty(series)

    def gap_lines(self, now: float) -> Iterator[GapLine]:
        """For each series its gaps, then its total. Prints a message if the series begins within the range."""
        for series in self._query.series:
            expected = self._expected_slots(series, now)
            present = self._source.slots(series, expected.start, expected.stop, consistent=True)
            yield from gap_lines(series.key, self._intervals.watch_slots(series, present, expected.step), expected)

    def _expected_slots(self, series: Series, now: float) -> range:
        held = self._source.extent(series, consistent=True)
        interval_seconds = self._intervals.expected_seconds(held)
        expected = complete_slots(self._query.since, self._query.until, now, interval_seconds)
        if held is None:
            print_message(self._describe_unknown(series))
            return expected
        if held.first > expected.start:
            since = format_timestamp(held.first)
            print_message(f"{self._no_record(series)} before {since}, and the time before is not counted as missing")
            expected = measured_slots(expected, held.first)
        if not expected:
            minutes = SETTLING_SECONDS // 60
            print_message(
                f"{series.key}: no slot of this range counts: slots count from the first record on, and {minutes}"
                " minutes after their end"
            )
        return expected

    def print_empty(self, series: Series) -> None:
        """Print what `describe_empty` says."""
        print_message(self.describe_empty(series))

    def describe_empty(self, series: Series) -> str:
        """Say that a series has no record in the range requested, and in which range it has some."""
        held = self._source.extent(series)
        if held is None:
            return self._describe_unknown(series)
        first, last = format_timestamp(held.first), format_timestamp(held.last)
        return f"{self._no_record(series)} in this range, but from {first} to {last}"

    def _describe_unknown(self, series: Series) -> str:
        hint = f" ({self._hints[series.symbol]})" if self._hints[series.symbol] else ""
        checks = "check --symbol, --market, --levels, --bps, and --table or --from"
        return f"{self._no_record(series)} at any time: {checks}{hint}"

    def _no_record(self, series: Series) -> str:
        return f"{self._source.description} holds no record of {series.key}"


def _read_moment(options: Options, flag: str, now: float) -> float:
    try:
        return parse_moment(options.value(flag), now)
    except InvalidTimestamp as error:
        raise UsageError(f"{flag} {error}") from error
