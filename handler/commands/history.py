"""`python -m handler history`: the records of the table, in the order and the shape the sampler printed them."""

import heapq
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Self

from handler import garbage
from handler.asked import Asked
from handler.commands import DONE, GAPS, Write
from handler.errors import UsageError
from handler.flags import Parser
from handler.formats import FORMATS, Format
from handler.gaps import Gap, complete_slots, find_gaps
from handler.record import Record, compact_json
from handler.settings import interval_seconds, levels, symbols, table
from handler.table import Table
from handler.times import NoTime, format_time, read_moment

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
SHAPES = ("--format", "--gaps", "--plot")
"""Flags that say what is written."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which series, and which slots of them: those in [since, until), in epoch seconds."""

    symbols: tuple[str, ...]
    levels: tuple[int, ...]
    since: float
    until: float
    interval_seconds: int

    @classmethod
    def read(cls, asked: Asked, now: float) -> Self:
        """Flags beat environment beats defaults. Raises UsageError."""
        since = _moment(asked, "--since", now)
        until = _moment(asked, "--until", now) if asked.given("--until") else now
        if since >= until:
            raise UsageError("--since is not before --until: no slot lies between them")
        return cls(symbols(asked), levels(asked), since, until, interval_seconds(asked))

    @property
    def series(self) -> list[tuple[str, int]]:
        """Pair and depth of each series, in the order asked for."""
        return [(symbol, depth) for symbol in self.symbols for depth in self.levels]


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the records that the table holds or, with --gaps, the slots that it lacks."""
    flags = Parser(" history", run.__doc__ or "", FLAGS).read(argv)
    if len(shapes := [flag for flag in SHAPES if flags[flag] is not None]) > 1:
        raise UsageError(f"{' and '.join(shapes)} do not go together: each is another answer, give one of them")
    asked = Asked(flags, environment)
    now = time.time()
    query, archive, detail = Query.read(asked, now), Table(table(asked)), flags["--detail"] is not None
    garbage.collect_again()  # __main__ held it
    if flags["--gaps"] is not None:
        return report_gaps(archive, query, now, write)
    records = stream(archive, query, detail=detail or asked.given("--plot"))
    if asked.given("--plot"):
        from handler.plot import draw  # matplotlib is optional, and slow to load

        draw(records, asked.one("--plot"), query.interval_seconds)
    else:
        for line in _format(asked)(records, detail=detail):
            write(line)
    return DONE


def stream(archive: Table, query: Query, *, detail: bool) -> Iterator[Record]:
    """The records of every series, slot by slot, in a slot in the order asked for: as the sampler printed them.

    One page of each series is held in memory, however long the range is.
    """
    each = [archive.slotted(*one, since=query.since, until=query.until, detail=detail) for one in query.series]
    return (record for _, record in heapq.merge(*each, key=itemgetter(0)))


def report_gaps(archive: Table, query: Query, now: float, write: Write) -> int:
    """Write a line for each gap, then one for the series with the share covered; returns DONE or GAPS."""
    expected = complete_slots(query.since, query.until, now, query.interval_seconds)
    missing = [_report_series(archive, *one, expected, write) for one in query.series]
    return GAPS if any(missing) else DONE


def _report_series(archive: Table, symbol: str, depth: int, expected: range, write: Write) -> int:
    present = archive.slots(symbol, depth, since=expected.start, until=expected.stop)
    missing = 0
    for gap in find_gaps(present, expected):
        slots = len(range(gap.since, gap.until, expected.step))
        missing += slots
        write(_line(symbol, depth, gap, missing=slots))
    share = 1 - missing / len(expected) if expected else 1.0
    write(
        _line(
            symbol,
            depth,
            Gap(expected.start, expected.stop),
            missing=missing,
            slots=len(expected),
            covered=round(share, 6),
        )
    )
    return missing


def _line(symbol: str, depth: int, gap: Gap, **counts: float) -> str:
    since, until = format_time(gap.since), format_time(gap.until)
    return compact_json({"symbol": symbol, "levels": depth, "since": since, "until": until, **counts})


def _format(asked: Asked) -> Format:
    name = asked.one("--format")
    if name not in FORMATS:
        raise UsageError(f"--format {name} is none of {', '.join(FORMATS)}")
    return FORMATS[name]


def _moment(asked: Asked, flag: str, now: float) -> float:
    try:
        return read_moment(asked.one(flag), now)
    except NoTime as error:
        raise UsageError(f"{flag} {error}") from error
