"""What `history --gaps` writes: a line for each gap, then one for the series with its slots and the share covered."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from handler.cli import Write
from handler.cli.formats import utc_column, write_aligned, write_csv_rows
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
    write_aligned(lines, _table, write)


def _table(lines: list[GapLine]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("series", "", "since (UTC)", "until (UTC)", "missing", "slots", "covered"):
        numbers = heading in ("missing", "slots", "covered")
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=True)
    for line in lines:
        kind = "total" if line.is_total else "gap"
        slots = "" if line.slots is None else f"{line.slots:,}"
        covered = "" if line.covered is None else f"{line.covered:.2%}"
        since, until = utc_column(line.since), utc_column(line.until)
        table.add_row(line.series, kind, since, until, f"{line.missing:,}", slots, covered)
    return table


GapFormat = Callable[[Iterable[GapLine], Write], None]

GAP_FORMATS: dict[str, GapFormat] = {"jsonl": _write_jsonl, "csv": _write_csv, "table": _write_table}
"""The values of --format with --gaps."""
