"""`python -m handler history`: stored records, as the sampler printed them; their steps, gaps and pictures."""

import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UsageError
from ..reading.columns import DERIVED, FILE_COLUMNS
from ..reading.output import (
    DEPTH_COLUMNS,
    DETAIL_COLUMNS,
    PLAIN_COLUMNS,
    Render,
    Target,
    render_detail,
    render_plain,
    render_row,
    write_rows,
)
from ..reading.source import Records
from ..reading.views import Depths, create_gaps, records_sql, steps_sql, unmeasured_messages
from ..record import FULL_KEYS, PLAIN_KEYS
from ..slots import SECONDS_OF_UNIT
from . import ExitCode, Write
from .query import open_records, parse_query
from .streams import print_message

FLAGS = (
    *("--from", "--table", "--symbol", "--levels", "--bps", "--since", "--until", "--every", "--gaps", "--plot"),
    *("--full-scale", "--format", "--output", "--detail", "--reasons", "--interval_seconds", "--quote"),
)
EXCLUSIVE = {
    "plot": ("format", "output", "gaps", "detail", "reasons"),
    "gaps": ("every", "levels", "bps", "detail", "reasons"),
    "every": ("detail", "reasons"),
    "detail": ("levels", "bps"),
}  # flags that cannot be given together
_STEP = re.compile(r"([1-9][0-9]{0,8})([smhdw])")


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the stored records, oldest first; with --gaps the slots without one, with --plot a picture."""
    flags = parse_query(run, FLAGS, argv, environment)
    for one, others in EXCLUSIVE.items():
        for other in others:
            if getattr(flags, one) and getattr(flags, other):
                raise UsageError(f"--{other} and --{one} are mutually exclusive: give one of them")
    target = Target.parse(flags.output, flags.format)
    depths, step_seconds = Depths(flags.levels, flags.bps), parse_step(flags.every) if flags.every else None
    columns = _columns(flags, depths, target.format)
    if flags.plot:
        return _plot(flags, depths, step_seconds, columns)
    with open_records(flags, columns, target.path, with_reasons=flags.reasons) as (records, path):
        depths.check(records)
        if columns is None and target.format != "jsonl":
            records.warn_of_unknown_keys()
        sql, render = _answer(flags, depths, step_seconds, target.format, records)
        write_rows(records.engine, sql, target, write, render, path)
        has_gaps = flags.gaps and (
            records.absent or records.engine.rows("SELECT 1 FROM gaps WHERE missing > 0 LIMIT 1")
        )
    if records.failures:
        return ExitCode.FAILURE
    return ExitCode.GAPS if has_gaps else ExitCode.OK


def _columns(flags: Namespace, depths: Depths, output_format: str) -> Sequence[str] | None:
    """Return the columns that the question needs, None for all."""
    if flags.gaps:
        return ()
    if flags.plot or flags.every:
        return ("mid", "host", *depths.columns) if flags.plot else ("mid", *depths.columns)
    if flags.detail or output_format == "parquet":
        return None
    return depths.columns or ("printed",)


def _plot(flags: Namespace, depths: Depths, step_seconds: int | None, columns: Sequence[str] | None) -> int:
    from ..reading.plot import picture_format, plot  # matplotlib is optional, and slow to load

    picture_format(flags.plot)
    with open_records(flags, columns, flags.plot, flag="--plot") as (records, path):
        depths.check(records)
        _say_unmeasured(records, depths)
        plot(records, str(path), name=flags.plot, depths=depths, step_seconds=step_seconds, full_scale=flags.full_scale)
    return ExitCode.FAILURE if records.failures else ExitCode.OK


def _say_unmeasured(records: Records, depths: Depths) -> None:
    for sentence in unmeasured_messages(records, depths) if depths.columns else ():
        print_message(sentence)


def _answer(
    flags: Namespace, depths: Depths, step_seconds: int | None, output_format: str, records: Records
) -> tuple[str, Render]:
    """Return the query that answers the question, and how a row of the answer is written as JSON."""
    if step_seconds is not None:
        _say_unmeasured(records, depths)
        return steps_sql(records, depths, step_seconds), render_row
    if flags.gaps:
        create_gaps(records)
        return "SELECT * FROM gaps", render_gap
    if depths.columns:
        columns: Sequence[str] = DEPTH_COLUMNS
        if output_format != "jsonl" and not depths.bps:
            columns = [name for name in columns if name != "bps"]
        return records_sql(records, depths, columns), render_row
    if output_format == "parquet":
        return records_sql(records, depths, FILE_COLUMNS, by_pair=True), render_plain
    if output_format == "csv":
        columns = (*FULL_KEYS, *DERIVED) if flags.detail else (*PLAIN_KEYS, "market")
        reason = ["reason"] if flags.reasons else []
        return records_sql(records, depths, [*columns, *reason]), render_plain
    columns, render = (DETAIL_COLUMNS, render_detail) if flags.detail else (PLAIN_COLUMNS, render_plain)
    if not records.engine.rows(f"SELECT 1 FROM records WHERE {columns[0]} IS NULL LIMIT 1"):
        columns = columns[:1]
    return records_sql(records, depths, columns), render


def parse_step(text: str) -> int:
    """Return the seconds of --every. Raises UsageError."""
    match = _STEP.fullmatch(text)
    if not match:
        raise UsageError(f"--every {text} is not a step: give a whole number of s, m, h, d or w, such as 5m, 1h or 7d")
    return int(match[1]) * SECONDS_OF_UNIT[match[2]]


def render_gap(row: Mapping[str, Any]) -> str:
    """Return a gap, or the total of a pair, as one line of JSON."""
    is_total = row["slots"] is not None
    return render_row({key: value for key, value in row.items() if is_total or key not in ("slots", "share")})
