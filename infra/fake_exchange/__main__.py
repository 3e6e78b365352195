"""`python -m infra.fake_exchange`: the fake exchange in a process of its own."""

import argparse
import math
import re
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from infra.fake_exchange.books import DEFAULT_SYMBOLS
from infra.fake_exchange.exchange import FakeExchange
from infra.fake_exchange.faults import FAULTS

_PROGRAM = "python -m infra.fake_exchange"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One sentence: the usage is a --help away and longer than a terminal.
        self.exit(2, f"{_PROGRAM}: {message}\n")


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = _parser()
    options = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        exchange = _exchange(options)
    except ValueError as error:
        parser.error(str(error))
    try:
        with exchange:
            _log(f"the books are synthetic, from seed {options.seed}: they say nothing about any market")
            _log(f"listening on {exchange.url}")
            stop.wait()
    except OSError as error:
        _log(f"port {options.port} of 127.0.0.1 cannot be used: {error.strerror}")
        return 1
    return 0


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _exchange(options: argparse.Namespace) -> FakeExchange:
    """The exchange; every flag but --script is a parameter of FakeExchange."""
    parameters = {name: value for name, value in vars(options).items() if name != "script"}
    exchange = FakeExchange(**parameters, keep_requests=0)
    for text in options.script:
        symbol, _, entries = text.rpartition(":")
        exchange.script(entries.split(","), symbol or None)
    exchange.prepare()
    return exchange


def _parser() -> _Parser:
    rows = [f"  {name:15} {fault.description}" for name, fault in FAULTS.items()]
    parser = _Parser(
        prog=_PROGRAM,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A fake Binance on loopback, spot and USD-M futures: the real HTTP API, synthetic books, faults.",
        epilog="faults, by name or, where a number is in brackets, as name=number:\n" + "\n".join(rows),
    )
    add = parser.add_argument
    add("--port", type=_integer(0, 65535), default=0, help="0 (the default) is a free one")
    add("--symbols", nargs="+", default=DEFAULT_SYMBOLS, metavar="SYMBOL", help="pairs to list")
    add("--seed", type=int, default=0, help="the same seed gives the same books")
    add("--tick-ms", type=_number, default=100.0, help="a new book every so many ms; 0: always the same (default 100)")
    add("--latency-ms", type=_number, default=0.0, help="delay of each response")
    add(
        "--weight-limit",
        type=_integer(0),
        default=None,
        help="per UTC minute; 0: no limit (default: that of each market)",
    )
    add("--no-gzip", dest="gzip", action="store_false", help="never compress")
    add("--script", action="append", default=[], metavar="[SYMBOL:]FAULT,…", help="e.g. 429=3,ok*2,hang*; repeatable")
    add("--fault-rate", type=_number, default=0.0, metavar="P", help="probability of a random fault, 0 to 1")
    add("--fault-seed", type=int, default=0, help="the same seed gives the same faults")
    add(
        "--faults",
        nargs="+",
        default=(),
        metavar="FAULT",
        help="the random faults (default: those after which a retry may succeed)",
    )
    return parser


def _integer(minimum: int, maximum: float = math.inf) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
            upper = "up" if maximum == math.inf else f"to {maximum}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {minimum} {upper}")
        return int(text)

    return read


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up")
    return number


if __name__ == "__main__":
    sys.exit(main())
