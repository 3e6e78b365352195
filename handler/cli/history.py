"""`python -m handler history`: the records of the table, in the order and the shape the sampler printed them."""

import heapq
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, Self

from handler import bootstrap
from handler.cli import ExitCode, Write
from handler.cli.formats import FORMATS
from handler.cli.gap_report import GAP_FORMATS, GapLine, gap_lines
from handler.cli.parser import Parser
from handler.cli.streams import print_message
from handler.errors import HandlerError, InvalidTimestamp, UsageError
from handler.exchanges.binance_pairs import Pair
from handler.options import Options
from handler.record import Record
from handler.record import series as series_key
from handler.settings import read_interval_seconds, read_levels, read_pairs, read_table
from handler.slots import complete_slots, format_timestamp, measured_slots, parse_moment

if TYPE_CHECKING:
    from handler.stores.table import Table

FLAGS = (
    "--symbol",
    "--levels",
    "--since",
    "--until",
    "--format",
    "--detail",
    "--gaps",
    "--plot",
    "--interval_seconds",
    "--quote",
    "--table",
)
NOT_PLOTTED = ("--format", "--gaps")
"""Flags that say how to print, so that they make no sense with a picture."""


class Series(NamedTuple):
    """The records of one pair at one depth."""

    pair: Pair
    levels: int

    @property
    def key(self) -> tuple[str, int]:
        """What a table knows it by."""
        return self.pair.symbol, self.levels

    def __str__(self) -> str:
        return f"{self.pair.symbol} with --levels {self.levels}"


class Source(NamedTuple):
    """Where records are read from, and what messages call it."""

    table: "Table"
    name: str

    def describe_empty(self, series: Series) -> str:
        """Say that a series has no record in the range asked for, and which range there is instead."""
        held = self.table.slot_range(*series.key)
        if held is None:
            return self.describe_unknown(series)
        first, last = map(format_timestamp, held)
        return f"{self.name} holds no record of {series} in this range, but from {first} to {last}"

    def describe_unknown(self, series: Series) -> str:
        """Say that a series has no record at all, and what to check."""
        hint = f" ({series.pair.hint})" if series.pair.hint else ""
        return f"{self.name} holds no record of {series} at any time: check --symbol, --levels and --table{hint}"


@dataclass(frozen=True, slots=True)
class Query:
    """Which series, and which slots of them: those in [since, until), in epoch seconds."""

    pairs: tuple[Pair, ...]
    levels: tuple[int, ...]
    since: float
    until: float
    interval_seconds: int

    @classmethod
    def read(cls, options: Options, now: float) -> Self:
        """Flags beat environment beats defaults. Raises UsageError."""
        since = _moment(options, "--since", now)
        until = _moment(options, "--until", now) if options.is_given("--until") else now
        if since >= until:
            raise UsageError("--since is not before --until: no slot lies between them")
        return cls(read_pairs(options), read_levels(options), since, until, read_interval_seconds(options))

    @property
    def series(self) -> list[Series]:
        """Pair and depth of each series, in the order asked for."""
        return [Series(pair, depth) for pair in self.pairs for depth in self.levels]


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the records that the table holds or, with --gaps, the slots that it lacks."""
    flags = Parser(" history", run.__doc__ or "", FLAGS).read(argv)
    if flags["--plot"] is not None and (other := next((one for one in NOT_PLOTTED if flags[one] is not None), None)):
        raise UsageError(f"{other} and --plot are mutually exclusive: give one of them")
    options = Options(flags, environment)
    now = time.time()
    query, name = Query.read(options, now), read_table(options)
    from handler.stores.table import Table  # boto3 is optional, and slow to load

    source = Source(Table(name), f"table {name}")
    bootstrap.resume_garbage_collection()
    if flags["--gaps"] is not None:
        return report_gaps(source, query, now, _format(options, GAP_FORMATS), write)
    detail = flags["--detail"] is not None
    if options.is_given("--plot"):
        _plot(source, query, options.value("--plot"))
        return ExitCode.OK
    records = stream(source, query, detail=detail, on_empty=lambda series: print_message(source.describe_empty(series)))
    for line in _format(options, FORMATS)(records, detail=detail):
        write(line)
    return ExitCode.OK


def stream(source: Source, query: Query, *, detail: bool, on_empty: Callable[[Series], object]) -> Iterator[Record]:
    """The records of every series, slot by slot, in a slot in the order asked for: as the sampler printed them.

    One page of each series is held in memory, however long the range is. `on_empty` is called with each series that
    has no record in the range.
    """

    def read(series: Series) -> Iterator[tuple[str, Record]]:
        empty = True
        for one in source.table.slotted(*series.key, since=query.since, until=query.until, detail=detail):
            empty = False
            yield one
        if empty:
            on_empty(series)

    return (record for _, record in heapq.merge(*map(read, query.series), key=itemgetter(0)))


def _plot(source: Source, query: Query, path: str) -> None:
    """Draw the picture. Raises HandlerError, with the range of each series, if there is no record to draw."""
    from handler.cli.plot import check_panels, draw  # matplotlib is optional, and slow to load

    check_panels(len(query.series))
    empty: list[Series] = []
    records = stream(source, query, detail=True, on_empty=empty.append)
    try:
        draw(records, path, query.interval_seconds, since=query.since, until=query.until)
    except HandlerError as error:
        if len(empty) < len(query.series):
            raise
        reasons = "; ".join(map(source.describe_empty, empty))
        raise HandlerError(f"nothing to draw, {path} is not written: {reasons}") from error
    for series in empty:
        print_message(source.describe_empty(series))


def report_gaps(source: Source, query: Query, now: float, lines: Callable[..., Iterator[str]], write: Write) -> int:
    """Write each gap, then a total for each series with the share covered; returns ExitCode.OK or GAPS."""
    expected = complete_slots(query.since, query.until, now, query.interval_seconds)
    missing = []

    def counted() -> Iterator[GapLine]:
        for series in query.series:
            for line in _gaps_of(source, series, expected):
                if line.is_total:
                    missing.append(line.missing)
                yield line

    for line in lines(counted()):
        write(line)
    return ExitCode.GAPS if any(missing) else ExitCode.OK


def _gaps_of(source: Source, series: Series, expected: range) -> Iterator[GapLine]:
    held = source.table.slot_range(*series.key, consistent=True)
    if held is None:
        print_message(source.describe_unknown(series))
    elif held[0] > expected.start:
        print_message(
            f"{source.name} holds no record of {series} before {format_timestamp(held[0])},"
            " and the time before is not counted as missing"
        )
        expected = measured_slots(expected, held[0])
    present = source.table.slots(*series.key, since=expected.start, until=expected.stop, consistent=True)
    return gap_lines(series_key(*series.key), present, expected)


def _format(options: Options, formats: Mapping[str, Callable[..., Iterator[str]]]) -> Callable[..., Iterator[str]]:
    name = options.value("--format")
    if name not in formats:
        raise UsageError(f"--format {name} is none of {', '.join(formats)}")
    return formats[name]


def _moment(options: Options, flag: str, now: float) -> float:
    try:
        return parse_moment(options.value(flag), now)
    except InvalidTimestamp as error:
        raise UsageError(f"{flag} {error}") from error
