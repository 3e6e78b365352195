"""`python -m infra.fake_exchange`: the fake exchange in a process of its own, or around a command.

`python -m infra.fake_exchange --run python -m handler --symbol BTC` runs the command with OBI_BASE_URL set to the fake
exchange, without OBI_TABLE (made-up books do not belong into a real table), and exits as the command does.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading

from infra.fake_exchange.books import DEFAULT_SYMBOLS
from infra.fake_exchange.exchange import FakeExchange
from infra.fake_exchange.faults import FAULTS

_PROGRAM = "python -m infra.fake_exchange"
_NOTE = "a fake exchange with made-up books, which say nothing about any market"


def main() -> int:
    """Serve until SIGINT or SIGTERM, or to the end of the command."""
    parser = _parser()
    options = vars(parser.parse_args())
    scripts, command = options.pop("script"), options.pop("run")
    try:
        exchange = FakeExchange(**options, keep_requests=0)
        for text in scripts:
            symbol, _, entries = text.rpartition(":")
            exchange.script(entries.split(","), symbol or None)
    except ValueError as error:
        parser.error(str(error))
    try:
        with exchange:
            return _run(command, exchange.url) if command else _serve(exchange)
    except (OSError, OverflowError) as error:
        _log(f"{_PROGRAM}: {command[0] if command else f'port {exchange.port} of 127.0.0.1'}: {error}")
        return 1


def _serve(exchange: FakeExchange) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _log(_NOTE)
    _log(f"listening on {exchange.url}")
    stop.wait()
    return 0


def _run(command: list[str], url: str) -> int:
    """Run a command to its end. Returns its exit code, which is 128 + n after signal n."""
    environment = {name: value for name, value in os.environ.items() if name != "OBI_TABLE"} | {"OBI_BASE_URL": url}
    # Ctrl-C reaches the command as well, as it does a whole process group; this one only waits for it.
    signal.signal(signal.SIGINT, lambda *_: None)
    _log(_NOTE)
    with subprocess.Popen(command, env=environment) as process:
        signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        code = process.wait()
    return code if code >= 0 else 128 - code


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    rows = [f"  {name:15} {fault.description}" for name, fault in FAULTS.items()]
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A fake Binance on loopback, spot and USD-M futures: real heads, made-up books, faults.",
        epilog="faults, by name or, where a number is in brackets, as name=number:\n" + "\n".join(rows),
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 (the default) is a free one")
    add("--symbols", nargs="+", default=DEFAULT_SYMBOLS, metavar="SYMBOL", help="pairs to list")
    add("--seed", type=int, default=0, help="the same seed gives the same books")
    add("--tick-ms", type=float, default=100.0, help="time between new books; 0: always the same (default 100)")
    add("--latency-ms", type=float, default=0.0, help="delay of each response")
    add("--weight-limit", type=int, default=None, help="per UTC minute; 0: no limit (default: that of each market)")
    add("--no-gzip", dest="gzip", action="store_false", help="never compress")
    add("--script", action="append", default=[], metavar="[SYMBOL:]FAULT,…", help="e.g. 429=3,ok*2,hang*; repeatable")
    add("--fault-rate", type=float, default=0.0, metavar="P", help="probability of a random fault, 0 to 1")
    add("--fault-seed", type=int, default=0, help="the same seed gives the same faults")
    add("--faults", nargs="+", default=(), metavar="FAULT", help="the random faults (default: the transient ones)")
    add("--run", nargs=argparse.REMAINDER, default=[], metavar="COMMAND", help="run this command against it; last")
    return parser


if __name__ == "__main__":
    sys.exit(main())
