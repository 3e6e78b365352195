"""`python -m handler series`: which pairs are stored, and from when to when."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from ..options import parse
from ..reading.output import Target, complete_file, render_row, write_rows
from ..reading.views import series_sql
from . import ExitCode, Write
from .query import SAMPLER_VARIABLES, Query

FLAGS = ("--from", "--table", "--symbol", "--since", "--until", "--format", "--output", "--interval_seconds", "--quote")
EPILOG = """\
A printed pair can be given as --symbol. Without --since, tables are read for the 24 h before --until (default: now).
"""


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the first and the last slot of each pair that is stored, how many records it has, and their interval."""
    flags = parse(
        "series", run.__doc__ or "", FLAGS, argv, environment,
        lists=("--table",), ignored=SAMPLER_VARIABLES, epilog=EPILOG,
    )  # fmt: skip
    target = Target.parse(flags.output, flags.format)
    query = Query.parse(flags, argv, time.time())
    with ExitStack() as stack:
        path = stack.enter_context(complete_file(target.path)) if target.path else None
        records = stack.enter_context(query.open((), output=target.path))
        query.warn_missing_pairs(records)
        write_rows(records.engine, series_sql(query.asked, query.order), target, write, render_row, path)
    return ExitCode.FAILURE if records.failures else ExitCode.OK
