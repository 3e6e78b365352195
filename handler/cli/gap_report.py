"""What `history --gaps` writes: a line for each gap, then one for the series with its slots and the share covered."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from handler.cli.formats import aligned, csv_rows
from handler.record import compact_json
from handler.slots import find_gaps, format_timestamp


class GapLine(NamedTuple):
    """FailedSample slots in [since, until). `slots`, only in the total of a series, is how many there are in it."""

    series: str
    since: str
    until: str
    missing: int
    slots: int | None = None
    covered: float | None = None

    @property
    def is_total(self) -> bool:
        """Whether it is the last line of a series instead of a gap."""
        return self.slots is not None


def gap_lines(series: str, present: Iterable[int], expected: range) -> Iterator[GapLine]:
    """The gaps of one series, then its total; `covered` is None where no slot was expected."""
    missing = 0
    for gap in find_gaps(present, expected):
        slots = len(range(gap.since, gap.until, expected.step))
        missing += slots
        yield GapLine(series, format_timestamp(gap.since), format_timestamp(gap.until), slots)
    covered = round(1 - missing / len(expected), 6) if expected else None
    since, until = format_timestamp(expected.start), format_timestamp(expected.stop)
    yield GapLine(series, since, until, missing, len(expected), covered)


def _jsonl(lines: Iterable[GapLine]) -> Iterator[str]:
    for line in lines:
        keys = line._asdict()
        yield compact_json(keys if line.is_total else dict(list(keys.items())[:4]))


def _csv(lines: Iterable[GapLine]) -> Iterator[str]:
    return csv_rows(chain([GapLine._fields], lines))


def _table(lines: list[GapLine]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("series", "", "since (UTC)", "until (UTC)", "missing", "slots", "covered"):
        numbers = heading in ("missing", "slots", "covered")
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=True)
    for line in lines:
        since, until = (time.replace("T", " ").rstrip("Z") for time in (line.since, line.until))
        slots = f"{line.slots:,}" if line.is_total else ""
        covered = "" if line.covered is None else f"{line.covered:.2%}"
        kind = "total" if line.is_total else "gap"
        table.add_row(line.series, kind, since, until, f"{line.missing:,}", slots, covered)
    return table


GAP_FORMATS: dict[str, Callable[[Iterable[GapLine]], Iterator[str]]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "table": lambda lines: aligned(lines, _table),
}
"""The values of --format with --gaps."""
