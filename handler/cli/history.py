"""`python -m handler history`: stored records, as the sampler printed them and in the same order."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from handler.cli import ExitCode, Write
from handler.cli.every import read_step_seconds, step_formats
from handler.cli.formats import Columns, record_formats
from handler.cli.gap_report import GAP_FORMATS, GapLine
from handler.cli.output import PARQUET, check_format
from handler.cli.parser import Parser
from handler.cli.plot_samples import check_panels
from handler.cli.query import History, Query
from handler.cli.sources import TABLES, check_is_not_read, open_source
from handler.errors import HandlerError, UsageError
from handler.options import Options
from handler.record import Series

FLAGS = (
    "--symbol",
    "--market",
    "--levels",
    "--bps",
    "--since",
    "--until",
    "--every",
    "--format",
    "--output",
    "--detail",
    "--gaps",
    "--plot",
    "--interval_seconds",
    "--quote",
    "--table",
    "--from",
)
EXCLUSIVE = {
    "--plot": ("--format", "--gaps", "--output"),
    "--gaps": ("--every",),
    "--every": ("--detail",),
}
"""Flags that cannot be given together."""


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the stored records, oldest first; with --gaps, the slots without one; with --plot, draw them."""
    flags = Parser(" history", run.__doc__ or "", FLAGS, lists=TABLES).read(argv)
    for flag, others in EXCLUSIVE.items():
        for other in others:
            if flags[flag] is not None and flags[other] is not None:
                raise UsageError(f"{other} and {flag} are mutually exclusive: give one of them")
    options = Options(flags, environment)
    now = time.time()
    query = Query.read(options, now)
    output = Output.read(options, query)
    for flag in ("--output", "--plot"):
        if options.is_given(flag):
            check_is_not_read(options, flag)
    with open_source(
        options, query.series, query.since, query.until, default_interval_seconds=query.default_interval_seconds
    ) as source:
        history = History(source, query)
        if options.is_given("--gaps"):
            return _report_gaps(history.gap_lines(now), output, write)
        if options.is_given("--plot"):
            _plot(history, query, options.value("--plot"), output.step_seconds)
        else:
            _write(history, output, write)
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class Output:
    """How to write: which columns in which format, into a file or without path to stdout, of records or of steps."""

    columns: Columns
    format_name: str
    path: str | None
    step_seconds: int | None

    @classmethod
    def read(cls, options: Options, query: Query) -> Self:
        """Raises UsageError."""
        output = cls(
            columns=query.columns(detail=options.is_given("--detail")),
            format_name=options.value("--format"),
            path=options.value("--output") if options.is_given("--output") else None,
            step_seconds=read_step_seconds(options) if options.is_given("--every") else None,
        )
        check_format(output.format_name, output.path)
        return output


def _write(history: History, output: Output, write: Write) -> None:
    if output.step_seconds is not None:
        steps = history.steps(output.step_seconds, on_empty=history.print_empty)
        step_formats(output.columns).write(output.format_name, steps, output.path, write)
    else:
        detail = output.columns.detail or output.format_name == PARQUET
        records = history.records(detail=detail, on_empty=history.print_empty)
        record_formats(output.columns).write(output.format_name, records, output.path, write)


def _plot(history: History, query: Query, path: str, step_seconds: int | None) -> None:
    """Draw the picture. Raises HandlerError, with the range of each series, if there is no record to draw."""
    from handler.cli.plot import draw, draw_steps  # matplotlib is optional, and slow to load

    check_panels(len(query.series))
    empty: list[Series] = []
    try:
        if step_seconds is None:
            rows = history.records(detail=True, on_empty=empty.append)
            records = (record for _, record in rows)
            draw(records, path, query.given_interval_seconds, since=query.since, until=query.until)
        else:
            steps = history.steps(step_seconds, on_empty=empty.append)
            draw_steps(steps, path, step_seconds, since=query.since, until=query.until)
    except HandlerError as error:
        if len(empty) < len(query.series):
            raise
        reasons = "; ".join(map(history.describe_empty, empty))
        raise HandlerError(f"nothing to draw, {path} is not written: {reasons}") from error
    for series in empty:
        history.print_empty(series)


def _report_gaps(lines: Iterator[GapLine], output: Output, write: Write) -> int:
    """Write the lines; returns ExitCode.GAPS if any slot is missing, else OK."""
    has_gaps = False

    def watched() -> Iterator[GapLine]:
        nonlocal has_gaps
        for line in lines:
            has_gaps = has_gaps or line.missing > 0
            yield line

    GAP_FORMATS.write(output.format_name, watched(), output.path, write)
    return ExitCode.GAPS if has_gaps else ExitCode.OK
