"""`python -m infra.local`: the whole system on this machine, and with `env` how to use it from a shell."""

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from handler.errors import HandlerError, UsageError
from infra.local import state

HOW_TO_QUERY = """\
query the table while this runs, from another terminal in this folder:
  eval "$(.venv/bin/python -m infra.local env)"
  python -m handler history --symbol {symbol} --format table"""

POLL_SECONDS = 0.2

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run until Ctrl-C; returns the exit code."""
    if sys.stderr is None:  # closed: its output would go to stdout
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the process lives
    options = _flags().parse_args()
    try:
        if options.command == "env":
            print(state.announced(), end="")
        else:
            _run(options)
    except UsageError as error:
        return _failed(error, 2)
    except HandlerError as error:
        return _failed(error, 1)
    except BrokenPipeError:  # the reader of the records has ended
        return 0
    except OSError as error:
        return _failed(f"{error.filename or 'stdout'}: {error.strerror}", 1)
    except KeyboardInterrupt:
        return 0
    return 0


def _failed(why: object, code: int) -> int:
    print(f"local: {why}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> None:
    _end_on_signals()
    if sys.stdout is None:
        raise UsageError("standard output is closed, and records go there: leave it open")
    from infra.local.system import print_message, run_schedule, running

    flags = {
        "OBI_SYMBOLS": ",".join(options.symbol),
        "OBI_LEVELS": ",".join(options.levels),
        "OBI_INTERVAL_SECONDS": options.interval_seconds,
    }
    live = os.environ.get("LIVE", "") not in ("", "0")
    with running({name: value for name, value in flags.items() if value}, live=live) as keeper:
        print_message(
            "books of the real exchange" if live else "synthetic books of a stand-in exchange, of no real market"
        )
        how_to_query = HOW_TO_QUERY.format(symbol=os.environ["OBI_SYMBOLS"].replace(",", " "))
        print_message(how_to_query)
        print_message(
            f"a record every {os.environ['OBI_INTERVAL_SECONDS']} s and series, the first now; Ctrl-C ends it"
        )
        try:
            _wait_for(lambda: run_schedule(keeper, int(os.environ["OBI_INTERVAL_SECONDS"])))
        finally:
            print_message(how_to_query.replace("while this runs", "while make local runs"))


def _wait_for(schedule: Callable[[], object]) -> None:
    """Run the schedule in a daemon thread, so that a signal ends the program whatever the schedule waits for."""
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            schedule()
        except Exception as error:
            errors.append(error)
        finally:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    while not ended.wait(POLL_SECONDS):  # a signal may reach another thread, which does not end a wait of this one
        pass
    raise errors[0]


def _end_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end it cleanly, and a second one at once."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    for number in SIGNALS:
        # SIGINT also where it is ignored: a script's background jobs start so; SIGHUP then not: that is nohup
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local",
        description="The function, its table and an exchange on this machine. LIVE=1 uses the real exchange.",
    )
    parser.add_argument(
        "command", nargs="?", choices=["run", "env"], default="run", help="env: lines for a shell to eval"
    )
    parser.add_argument(
        "--symbol", nargs="+", default=[], metavar="PAIR", help="pairs to sample (default: the template's)"
    )
    parser.add_argument(
        "--levels", nargs="+", default=[], metavar="N", help="levels of each side (default: the template's)"
    )
    parser.add_argument(
        "--interval_seconds",
        "--interval-seconds",
        default="",
        metavar="N",
        help="seconds between samples (default: the template's)",
    )
    return parser


def _exit() -> NoReturn:
    """End the process without waiting for threads that have a request under way: every record is in its file."""
    try:
        code = main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # of env
        code = 0
    except Exception:  # a bug
        traceback.print_exc()
        code = 1
    os._exit(code)


_exit()
