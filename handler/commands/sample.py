"""`python -m handler --symbol BTC`: measure once per interval, print, and store if there is a table."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from handler import garbage
from handler.asked import whole_number
from handler.binance import Binance
from handler.commands import DONE, FAILED, Write
from handler.delivery import Delivery, Store
from handler.flags import Parser
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
    exchange = Binance(settings.base_urls, connections=len(settings.symbols))
    with _store(settings) as store:
        delivery = Delivery(write, detail=flags["--detail"] is not None, store=store)
        runner = Runner(
            Sampler(exchange, settings.symbols, settings.levels),
            lambda records: delivery.deliver(records, time.monotonic() + STORE_SECONDS),
            interval_seconds=settings.interval_seconds,
            aligned=settings.table is not None,
        )
        garbage.collect_again()  # __main__ held it
        return DONE if runner.run(most_ticks) else FAILED


def _store(settings: Settings) -> AbstractContextManager[Store | None]:
    if settings.table is None:
        return nullcontext()
    from handler.background import Background
    from handler.dynamodb import dynamodb_client
    from handler.table import Table  # boto3 more than doubles the start-up time of those who do not store

    table = Table(
        settings.table,
        interval_seconds=settings.interval_seconds,
        retention_days=settings.retention_days,
        client=dynamodb_client(attempts=1),
    )
    return Background(table)
