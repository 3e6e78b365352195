"""The flags of every command, and the parser that reads them: each is also accepted with - for _ and _ for -."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import NoReturn

from handler import __version__
from handler.asked import DEFAULTS, ENVIRONMENT, Flags
from handler.errors import UsageError

HELP = {
    "--symbol": ("PAIR", "pairs such as BTC (the quote asset is added), BTCUSDT, or ETH/BTC with both sides"),
    "--levels": ("N", "how many levels of each side to measure, 1 to 5000; several give one record each"),
    "--interval_seconds": ("N", "seconds from one measurement to the next"),
    "--count": ("N", "end after so many intervals instead of on Ctrl-C"),
    "--quote": ("ASSET", "quote asset of pairs that are given without one; those with a slash keep their own"),
    "--detail": (None, "print the detail keys too: best prices, spread, reach, quantity imbalance, host, latency, …"),
    "--base-url": ("URL", "hosts to ask; the next one is tried when one fails"),
    "--table": ("NAME", "DynamoDB table that keeps the records"),
    "--retention-days": ("N", "days after which stored records expire, 0 for never"),
    "--since": ("TIME", "from here: an age such as 90m, 24h or 7d, or an ISO time, UTC where it has no zone"),
    "--until": ("TIME", "up to here, not included (default now)"),
    "--format": ("FORMAT", "jsonl, csv, or table for people"),
    "--gaps": (
        None,
        "print the missing slots instead, as --format says, and the share covered; exit code 3 if there are any",
    ),
    "--plot": ("FILE", "draw mid price and imbalance instead, as .png or .svg"),
    "FILE": ("FILE", "files to read, also compressed by gzip; standard input if none is given, or for -"),
}
"""Flag → the name of its value (None: it takes none) and what it is for."""

SEVERAL = ("--symbol", "--levels", "--base-url")


class HelpRequested(SystemExit):
    """--help or --version was given: `text` is what to print."""

    def __init__(self, text: str) -> None:
        super().__init__(0)
        self.text = text


class Parser(ArgumentParser):
    """Reads flags into words, which `Settings` then checks. Raises UsageError or HelpRequested instead of exiting."""

    def __init__(self, command: str, description: str, flags: Sequence[str], epilog: str = "") -> None:
        super().__init__(
            prog=f"python -m handler{command}",
            description=description,
            epilog=epilog,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._spelled = {flag.replace("_", "-"): flag for flag in flags}
        for flag in flags:
            self._add(flag)
        self.add_argument("--version", action="version", version=f"order-book-imbalance {__version__}")

    def read(self, argv: Sequence[str]) -> Flags:
        """The words given for each flag, keyed by the flag; None for one that was not given."""
        try:
            with redirect_stdout(StringIO()) as text:  # argparse takes no notice of a full disk or a slow reader
                return vars(self.parse_args([self._canonical(word) for word in argv]))
        except SystemExit:
            raise HelpRequested(text.getvalue().rstrip("\n")) from None

    def error(self, message: str) -> NoReturn:
        """Raise it: the one place where errors are told is `cli.main`."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def _add(self, flag: str) -> None:
        metavar, meaning = HELP[flag]
        if metavar is None:
            self.add_argument(flag, dest=flag, action="store_const", const=[], help=meaning)
            return
        if not flag.startswith("-"):
            self.add_argument(flag, nargs="*", help=meaning)
            return
        notes = [f"default {' '.join(DEFAULTS[flag])}"] if flag in DEFAULTS else []
        notes += [f"or {ENVIRONMENT[flag]}"] if flag in ENVIRONMENT else []
        text = f"{meaning} ({', '.join(notes)})" if notes else meaning
        if flag in SEVERAL:
            self.add_argument(flag, dest=flag, action="extend", nargs="+", metavar=metavar, help=text)
        else:
            self.add_argument(flag, dest=flag, nargs=1, metavar=metavar, help=text)

    def _canonical(self, word: str) -> str:
        name, equals, value = word.partition("=")
        return self._spelled.get(name.replace("_", "-"), name) + equals + value
