"""`python -m handler --symbol BTC`: measures once per interval, prints and, with `--table`, stores."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from handler import bootstrap
from handler.cli import ExitCode, Write
from handler.cli.parser import Parser
from handler.options import Options
from handler.record import Record
from handler.runner import Runner
from handler.settings import Settings, read_count
from handler.sinks import BackgroundWriter

STORE_SECONDS = 30.0
"""How long storing is retried, in parallel with sampling, before a record is logged as not stored."""

FLAGS = (
    "--symbol",
    "--market",
    "--levels",
    "--bps",
    "--limit",
    "--interval_seconds",
    "--count",
    "--quote",
    "--detail",
    "--base-url",
    "--table",
    "--retention-days",
)

OTHER_COMMANDS = """\
other commands:
  python -m handler history --help    print or plot stored records, and find gaps
  python -m handler load --help       store printed records in the table
  python -m handler series --help     list which series are stored
"""


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Measure the order book imbalance of each pair once per interval and print it as one line of JSON."""
    flags = Parser("", run.__doc__ or "", FLAGS, epilog=OTHER_COMMANDS).read(argv)
    settings = Settings.read(flags, environment)
    max_ticks = read_count(Options(flags, environment))
    detail = flags["--detail"] is not None
    exchange = bootstrap.build_exchange(settings)
    sampler = bootstrap.build_sampler(settings, exchange, detail=detail or settings.table is not None)
    with _background_writer(settings) as background:

        def emit(records: list[Record]) -> None:
            if background:  # before they are printed, so that no interrupt comes between
                with_data = [record for record in records if record.has_data]
                background.put(with_data, time.monotonic() + STORE_SECONDS)
            for record in records:
                write(record.to_line(detail=detail))

        runner = Runner(sampler, emit, interval_seconds=settings.interval_seconds, aligned=settings.table is not None)
        bootstrap.resume_garbage_collection()
        measured = runner.run(max_ticks)
    is_stored = background is None or not background.failed
    return ExitCode.OK if measured and is_stored else ExitCode.FAILURE


def _background_writer(settings: Settings) -> AbstractContextManager[BackgroundWriter | None]:
    if settings.table is None:
        return nullcontext()
    from handler.stores.credentials import RenewingClient  # imports boto3, which more than doubles the start-up time

    return BackgroundWriter(bootstrap.build_table(settings, RenewingClient()))
