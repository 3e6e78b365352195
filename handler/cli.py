"""The command line: flags → settings → sampler; exit codes; what goes to stdout and what to stderr."""

import gc
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence

from handler.binance import Binance
from handler.delivery import Delivery, Store
from handler.errors import HandlerError, UsageError
from handler.flags import Parser
from handler.runner import Runner
from handler.sampler import Sampler
from handler.settings import Settings, whole_number

STDOUT = 1
STORE_SECONDS = 10.0
"""How long storing may be tried before the line is told as not stored."""

DONE, FAILED, WRONG = 0, 1, 2
"""Exit codes: done or interrupted; anything that went wrong; what the user asked for cannot be."""


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line; returns the exit code. KeyboardInterrupt passes through."""
    _log_to_stderr()
    try:
        return sample(argv, environment)
    except UsageError as error:
        return _tell(error, WRONG)
    except HandlerError as error:
        return _tell(error, FAILED)
    except BrokenPipeError:
        return DONE
    except SystemExit:  # --help and --version
        return DONE
    except OSError as error:
        return _tell(f"cannot write to stdout: {error.strerror}", FAILED)


def sample(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Measure the order book imbalance of pairs once per interval; print each as one line of JSON."""
    flags = Parser("", sample.__doc__ or "", SAMPLE_FLAGS).read(argv)
    settings = Settings.read(flags, environment)
    most_ticks = whole_number("--count", flags["--count"][0], 1, 999_999_999) if flags["--count"] else None
    exchange = Binance(settings.base_urls, connections=len(settings.symbols))
    delivery = Delivery(_write_line, detail=flags["--detail"] is not None, store=_table(settings))
    runner = Runner(
        Sampler(exchange, settings.symbols, settings.levels),
        lambda records: delivery.deliver(records, time.monotonic() + STORE_SECONDS),
        interval_seconds=settings.interval_seconds,
        aligned=settings.table is not None,
    )
    gc.freeze()  # what is loaded by now stays
    gc.enable()  # __main__ held it while loading
    return DONE if runner.run(most_ticks) else FAILED


SAMPLE_FLAGS = (
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


def _table(settings: Settings) -> Store | None:
    if settings.table is None:
        return None
    from handler.table import Table  # boto3 is half of a second, and most of it is for those who store

    return Table(settings.table, interval_seconds=settings.interval_seconds, retention_days=settings.retention_days)


def _write_line(line: str) -> None:
    data = f"{line}\n".encode()
    while data:  # one write a line: a pipe takes up to 4096 bytes whole or not at all
        data = data[os.write(STDOUT, data) :]


def _tell(what: object, code: int) -> int:
    print(f"handler: {what}", file=sys.stderr)
    return code


def _log_to_stderr() -> None:
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
