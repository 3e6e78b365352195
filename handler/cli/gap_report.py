"""What `history --gaps` writes: a line for each gap, then one for the series with its slots and the share covered."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from handler.cli import Write
from handler.cli.formats import Column, plain, utc, write_aligned, write_csv_rows
from handler.cli.output import Formats
from handler.record import compact_json
from handler.slots import find_gaps, format_timestamp


class GapLine(NamedTuple):
    """How many slots are missing in [since, until). Only the total of a series has its `slots` and share `covered`."""

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
    """The gaps of one series, then its total; `covered` is None if no slot was expected."""
    missing = 0
    for gap in find_gaps(present, expected):
        slots = len(range(gap.since, gap.until, expected.step))
        missing += slots
        yield GapLine(series, format_timestamp(gap.since), format_timestamp(gap.until), slots)
    covered = round(1 - missing / len(expected), 6) if expected else None
    since, until = format_timestamp(expected.start), format_timestamp(expected.stop)
    yield GapLine(series, since, until, missing, len(expected), covered)


def _write_jsonl(lines: Iterable[GapLine], write: Write) -> None:
    for line in lines:
        values = line._asdict()
        if not line.is_total:
            del values["slots"], values["covered"]
        write(compact_json(values))


def _write_csv(lines: Iterable[GapLine], write: Write) -> None:
    write_csv_rows(chain([GapLine._fields], lines), write)


def _write_table(lines: Iterable[GapLine], write: Write) -> None:
    write_aligned(lines, COLUMNS, write, unknown="")


COLUMNS = {
    "series": Column("series", plain, "left"),
    "is_total": Column("", lambda is_total: "total" if is_total else "gap", "left"),
    "since": Column("since (UTC)", utc, "left"),
    "until": Column("until (UTC)", utc, "left"),
    "missing": Column("missing", "{:,}".format),
    "slots": Column("slots", "{:,}".format),
    "covered": Column("covered", "{:.2%}".format),
}

GAP_FORMATS: Formats[GapLine] = Formats(
    {"jsonl": _write_jsonl, "csv": _write_csv, "table": _write_table},
    [("series", str), ("since", str), ("until", str), ("missing", int), ("slots", int), ("covered", float)],
    lambda line: line,
)
"""The values of --format with --gaps."""
