"""`python -m handler --symbol BTC`: samples once per interval, prints and stores."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from ..errors import HandlerError
from ..exchange.client import BinanceClient
from ..exchange.markets import MARKETS
from ..options import PROGRAM, parse
from ..record import Record
from ..runner import Runner
from ..sampler import Sampler, resume_garbage_collection
from ..settings import FLAGS, Settings
from ..stores.store import BackgroundWriter, Store
from . import ExitCode, Write
from .streams import check_stdout

STORE_SECONDS = 30.0  # how long storing is retried, beside the sampling, before a record is logged as not stored
OTHER_COMMANDS = f"""\
other commands:
  {PROGRAM} history --help    read stored records: lines, CSV, Parquet, steps, gaps, pictures
  {PROGRAM} series --help     list which pairs are stored
  {PROGRAM} report --help     a data sheet of stored records
  {PROGRAM} load --help       store printed or logged records
"""


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Measure the order book imbalance of each pair once per interval and print it as one line of JSON."""
    settings = Settings.read(parse("", run.__doc__ or "", FLAGS, argv, environment, epilog=OTHER_COMMANDS))
    sampler = Sampler(
        {name: BinanceClient(MARKETS[name], urls, hint=settings.hint) for name, urls in settings.base_urls.items()},
        settings.pairs,
        levels=settings.levels,
        limits=settings.limits,
        interval_seconds=settings.interval_seconds,
        detail=settings.is_full,
    )
    with ExitStack() as stack:
        writers = [stack.enter_context(BackgroundWriter(store)) for store in _stores(settings)]

        def deliver(records: list[Record]) -> None:
            for writer in writers:  # before they are printed, so that no interrupt comes between
                writer.put([record for record in records if record.is_storable], time.monotonic() + STORE_SECONDS)
            for record in records:
                write(record.to_line(detail=settings.prints_detail))
            check_stdout()

        runner = Runner(sampler, deliver, interval_seconds=settings.interval_seconds)
        resume_garbage_collection()
        try:
            measured = runner.run(settings.max_slots)
        except BrokenPipeError:
            if settings.max_slots is None:
                raise HandlerError("nobody reads standard output any more: the run has ended") from None
            raise
    is_stored = not any(writer.failed for writer in writers)
    return ExitCode.OK if measured and is_stored else ExitCode.FAILURE


def _stores(settings: Settings) -> list[Store]:
    stores: list[Store] = []
    if settings.folder is not None:
        from ..stores.folder import Folder

        stores.append(Folder(settings.folder))
    if settings.table is not None:
        from ..stores.table import Table  # boto3 more than doubles the start-up time

        name, region = settings.table
        stores.append(Table(name, region=region, retention_days=settings.retention_days, wait_for_credentials=True))
    return stores
