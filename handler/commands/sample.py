"""`python -m handler --symbol BTC`: measure once per interval, print, and store if there is a table."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from handler import garbage
from handler.asked import whole_number
from handler.background import Background
from handler.binance import Binance
from handler.commands import DONE, FAILED, Write
from handler.delivery import Delivery, storable
from handler.flags import Parser
from handler.pairs import HintingExchange
from handler.record import Record
from handler.runner import Runner
from handler.sampler import Sampler
from handler.settings import Settings

STORE_SECONDS = 30.0
"""How long storing is tried, beside sampling, before a line is told as not stored."""

FLAGS = (
    "--symbol",
    "--levels",
    "--interval_seconds",
    "--count",
    "--quote",
    "--detail",
    "--base-url",
    "--table",
    "--retention-days",
)

OTHERS = """\
other commands:
  python -m handler history --help    what the table holds, as lines, CSV, a table or a picture; and what it lacks
  python -m handler load --help       put printed records into the table
"""


def run(argv: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Measure the order book imbalance of pairs once per interval and print each as one line of JSON."""
    flags = Parser("", run.__doc__ or "", FLAGS, epilog=OTHERS).read(argv)
    settings = Settings.read(flags, environment)
    most_ticks = whole_number("--count", flags["--count"][0], 1, 999_999_999) if flags["--count"] else None
    exchange = HintingExchange(Binance(settings.base_urls, connections=len(settings.pairs)), settings.pairs)
    delivery = Delivery(write, detail=flags["--detail"] is not None)
    with _storing(settings) as storing:

        def emit(records: list[Record]) -> None:
            deadline = time.monotonic() + STORE_SECONDS
            if storing:  # before they are printed, so that no interrupt comes between
                storing.put(storable(records), deadline)
            delivery.deliver(records, deadline)

        runner = Runner(
            Sampler(exchange, settings.symbols, settings.levels),
            emit,
            interval_seconds=settings.interval_seconds,
            aligned=settings.table is not None,
        )
        garbage.collect_again()  # __main__ held it
        measured = runner.run(most_ticks)
    return DONE if measured and not (storing and storing.failed) else FAILED


def _storing(settings: Settings) -> AbstractContextManager[Background | None]:
    if settings.table is None:
        return nullcontext()
    from handler.credentials import RenewingClient
    from handler.table import Table  # boto3 more than doubles the start-up time of those who do not store

    table = Table(
        settings.table,
        interval_seconds=settings.interval_seconds,
        retention_days=settings.retention_days,
        client=RenewingClient(),
    )
    return Background(table)
