"""`python -m handler series`: which pairs are stored, and from when to when."""

from collections.abc import Mapping, Sequence

from ..reading.output import Target, render_row, write_rows
from ..reading.views import series_sql
from . import ExitCode, Write
from .query import open_records, parse_query

FLAGS = ("--from", "--table", "--symbol", "--since", "--until", "--format", "--output", "--interval_seconds", "--quote")


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Print the first and the last slot of each pair that is stored, how many records it has, and their interval."""
    flags = parse_query(run, FLAGS, argv, environment, "A printed pair can be given as --symbol. ")
    target = Target.parse(flags.output, flags.format)
    with open_records(flags, (), target.path) as (records, path):
        write_rows(records.engine, series_sql(records), target, write, render_row, path)
    return ExitCode.FAILURE if records.failures else ExitCode.OK
