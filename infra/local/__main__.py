"""`python -m infra.local`: the whole system on this machine, and with `env` how to use it from a shell."""

import argparse
import os
import signal
import sys

from handler.errors import HandlerError, UsageError
from infra.local import state

HOW_TO_ASK = """\
ask the table what it keeps, while this runs, from another terminal in this folder:
  eval "$(.venv/bin/python -m infra.local env)"
  python -m handler history --symbol {symbol} --format table"""


def main() -> int:
    """Run until Ctrl-C; returns the exit code."""
    options = _flags().parse_args()
    try:
        if options.command == "env":
            print(state.announced(), end="")
        else:
            _run(options)
    except UsageError as error:
        print(f"local: {error}", file=sys.stderr)
        return 2
    except HandlerError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _run(options: argparse.Namespace) -> None:
    from infra.local.system import run_schedule, running, tell

    for name in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a script's background jobs start with it ignored
        signal.signal(name, signal.default_int_handler)
    flags = {
        "OBI_SYMBOLS": ",".join(options.symbol),
        "OBI_LEVELS": ",".join(options.levels),
        "OBI_INTERVAL_SECONDS": options.interval_seconds,
    }
    live = os.environ.get("LIVE", "") not in ("", "0")
    with running({name: value for name, value in flags.items() if value}, live=live):
        tell("books of the real exchange" if live else "synthetic books of a stand-in exchange, of no real market")
        how_to_ask = HOW_TO_ASK.format(symbol=os.environ["OBI_SYMBOLS"].replace(",", " "))
        tell(how_to_ask)
        tell(f"a record every {os.environ['OBI_INTERVAL_SECONDS']} s and series, the first now; Ctrl-C ends it")
        try:
            run_schedule()
        finally:
            tell(how_to_ask.replace("while this runs", "while make local runs"))


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local",
        description="The function, its table and an exchange on this machine. LIVE=1 asks the real exchange.",
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
        "--interval_seconds", default="", metavar="N", help="seconds between samples (default: the template's)"
    )
    return parser


sys.exit(main())
