"""`python -m handler history`: stored records, as the sampler printed them; their steps, gaps and pictures."""

import re
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..options import parse
from ..reading.columns import DERIVED, FILE_COLUMNS
from ..reading.output import Render, Target, complete_file, render_row, write_rows
from ..reading.records import DETAIL_COLUMNS, PLAIN_COLUMNS, VIEW_COLUMNS, render_detail, render_plain, render_view
from ..reading.source import Records
from ..reading.views import Views, create_gaps, records_sql, steps_sql, unmeasured
from ..record import FULL_KEYS, PLAIN_KEYS, SPOT
from ..slots import SECONDS_OF_UNIT
from . import ExitCode, Write
from .query import SAMPLER_VARIABLES, Query
from .streams import print_message

FLAGS = (
    *("--from", "--table", "--symbol", "--levels", "--bps", "--since", "--until", "--every", "--gaps", "--plot"),
    *("--full-scale", "--format", "--output", "--detail", "--reasons", "--interval_seconds", "--quote"),
)
EPILOG = "Without --since, files are read from the start, and tables for the 24 h before --until (default: now)."
EXCLUSIVE = {
    "plot": ("format", "output", "gaps", "detail", "reasons"),
    "gaps": ("every", "levels", "bps", "detail", "reasons"),
    "every": ("detail", "reasons"),
    "detail": ("levels", "bps"),
}  # flags that cannot be given together
_STEP = re.compile(r"([1-9][0-9]{0,8})([smhdw])")


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the stored records, oldest first; with --gaps the slots without one, with --plot a picture."""
    flags = parse(
        "history", run.__doc__ or "", FLAGS, argv, environment,
        lists=("--table", "--levels"), ignored=SAMPLER_VARIABLES, epilog=EPILOG,
    )  # fmt: skip
    for one, others in EXCLUSIVE.items():
        for other in others:
            if getattr(flags, one) and getattr(flags, other):
                raise UsageError(f"--{other} and --{one} are mutually exclusive: give one of them")
    target = Target.parse(flags.output, flags.format)
    query = Query.parse(flags, argv, time.time())
    question = Question(query, Views(flags.levels, flags.bps), flags, target)
    path = flags.plot or target.path
    if flags.plot:
        from ..reading.plot import picture_format  # matplotlib is optional, and slow to load

        picture_format(flags.plot)
    with ExitStack() as stack:
        unfinished = stack.enter_context(complete_file(path, "--plot" if flags.plot else "--output")) if path else None
        records = stack.enter_context(query.open(question.columns, with_reasons=flags.reasons, output=path))
        has_gaps = question.answer(records, write, unfinished)
    if records.failures:
        return ExitCode.FAILURE
    return ExitCode.GAPS if has_gaps else ExitCode.OK


class Question:
    """The question to answer: the records themselves, their steps, their gaps or a picture."""

    def __init__(self, query: Query, views: Views, flags: Namespace, target: Target) -> None:
        self._query = query
        self._views = views
        self._flags = flags
        self._target = target
        self._step_seconds = parse_step(flags.every) if flags.every else None

    @property
    def columns(self) -> Sequence[str] | None:
        """The columns that it needs; None for all of them."""
        flags, views = self._flags, self._views.columns
        if flags.gaps:
            return ()
        if flags.plot or flags.every:
            return ("mid", "host", *views) if flags.plot else ("mid", *views)
        if flags.detail or self._target.format == "parquet":
            return None
        return views or ("printed",)

    def answer(self, records: Records, write: Write, path: Path | None) -> bool:
        """Write it; returns True if it is about gaps, and there are some."""
        self._views.check(records)
        absent = self._query.warn_missing_pairs(records)
        if self._views.columns and (self._flags.plot or self._flags.every):  # which leave such records out
            for sentence in unmeasured(records.engine, self._views):
                print_message(sentence)
        if self._flags.plot:
            from ..reading.plot import plot

            plot(
                records,
                str(path),
                name=self._flags.plot,
                views=self._views,
                expected=self._query.expected,
                step_seconds=self._step_seconds,
                order=self._query.order,
                full_scale=self._flags.full_scale,
            )
            return False
        if self.columns is None and self._target.format != "jsonl":
            records.warn_of_unknown_keys()
        sql, render = self._sql(records, absent)
        write_rows(records.engine, sql, self._target, write, render, path)
        return self._flags.gaps and bool(records.engine.rows("SELECT 1 FROM gaps WHERE missing > 0 LIMIT 1") or absent)

    def _sql(self, records: Records, absent: Sequence[str]) -> tuple[str, Render]:
        """The query that answers it, and how a row of the answer is written as JSON."""
        query, views = self._query, self._views
        if self._flags.gaps:
            create_gaps(records.engine, query.expected, query.order, absent)
            return "SELECT * FROM gaps", render_gap
        if self._step_seconds is not None:
            return steps_sql(query.expected, views, self._step_seconds, query.order), render_step
        target = self._target.format
        if target == "parquet" and not views.columns:
            return records_sql(views, FILE_COLUMNS, query.order, by_pair=True), render_plain
        if views.columns:
            columns: Sequence[str] = VIEW_COLUMNS
            if target != "jsonl" and not views.bps:
                columns = [name for name in columns if name != "bps"]
            return records_sql(views, columns, query.order), render_view
        if target == "csv":
            columns = (*FULL_KEYS, *DERIVED) if self._flags.detail else (*PLAIN_KEYS, "market")
            return records_sql(
                views, (*columns, *(["reason"] if self._flags.reasons else [])), query.order
            ), render_plain
        columns, render = (DETAIL_COLUMNS, render_detail) if self._flags.detail else (PLAIN_COLUMNS, render_plain)
        if not records.engine.rows(f"SELECT 1 FROM records WHERE {columns[0]} IS NULL LIMIT 1"):
            columns = columns[:1]
        return records_sql(views, columns, query.order), render


def parse_step(text: str) -> int:
    """The seconds of --every. Raises UsageError."""
    match = _STEP.fullmatch(text)
    if not match:
        raise UsageError(f"--every {text} is not a step: give a whole number of s, m, h, d or w, such as 5m, 1h or 7d")
    return int(match[1]) * SECONDS_OF_UNIT[match[2]]


def render_gap(row: Mapping[str, Any]) -> str:
    """A gap, or the total of a pair."""
    is_total = row["slots"] is not None
    return render_row({key: value for key, value in row.items() if is_total or key not in ("slots", "share")})


def render_step(row: Mapping[str, Any]) -> str:
    """Renders a step as JSON, without the unused depth column, and without `market` if it is spot."""
    values = {key: value for key, value in row.items() if (key, value) != ("market", SPOT)}
    return render_row(values, optional=("levels", "bps"))
