"""The command line: flags → settings → sampler; exit codes; what goes to stdout and what to stderr."""

import gc
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence

from handler.binance import Binance
from handler.errors import HandlerError, UsageError
from handler.flags import Parser
from handler.record import Record
from handler.runner import Emit, Runner
from handler.sampler import Sampler
from handler.settings import Settings, whole_number

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
    runner = Runner(
        Sampler(exchange, settings.symbols, settings.levels),
        _printer(detail=flags["--detail"] is not None),
        interval_seconds=settings.interval_seconds,
    )
    gc.freeze()  # what is loaded by now stays
    gc.enable()  # __main__ held it while loading
    return DONE if runner.run(most_ticks) else FAILED


SAMPLE_FLAGS = ("--symbol", "--levels", "--interval_seconds", "--count", "--quote", "--detail", "--base-url")


def _printer(*, detail: bool) -> Emit:
    stdout = sys.stdout.fileno()

    def emit(records: list[Record]) -> None:
        for record in records:
            line = f"{record.to_line(detail=detail)}\n".encode()
            while line:  # one write a line: a pipe takes up to 4096 bytes whole or not at all
                line = line[os.write(stdout, line) :]

    return emit


def _tell(what: object, code: int) -> int:
    print(f"handler: {what}", file=sys.stderr)
    return code


def _log_to_stderr() -> None:
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
