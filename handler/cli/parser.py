"""Reads the command line. Each flag is also accepted with - for _ and _ for -."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import NoReturn

from handler import __version__
from handler.errors import UsageError
from handler.options import OPTIONS, Flags, Option


class HelpRequested(SystemExit):
    """--help or --version was given: `text` is what to print."""

    def __init__(self, text: str) -> None:
        super().__init__(0)
        self.text = text


class Parser(ArgumentParser):
    """Reads flags; settings.py validates their values. Raises UsageError or HelpRequested instead of exiting.

    `lists`: flags that take several values in this command, although not in every one.
    """

    def __init__(
        self, command: str, description: str, flags: Sequence[str], epilog: str = "", lists: Sequence[str] = ()
    ) -> None:
        super().__init__(
            prog=f"python -m handler{command}",
            description=description,
            epilog=epilog,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._spellings = {flag.replace("_", "-"): flag for flag in flags}
        for flag in flags:
            option = OPTIONS[flag]
            self._add(option._replace(is_list=option.is_list or flag in lists))
        self.add_argument("--version", action="version", version=f"order-book-imbalance {__version__}")

    def read(self, argv: Sequence[str]) -> Flags:
        """Flag → the values given for it, None if it was not given."""
        try:
            with redirect_stdout(StringIO()) as text:  # argparse ignores a full disk and a slow reader
                return vars(self.parse_args([self._canonical(word) for word in argv]))
        except SystemExit:
            raise HelpRequested(text.getvalue().rstrip("\n")) from None

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, which `cli.main` reports."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def _add(self, option: Option) -> None:
        if not option.flag.startswith("-"):
            self.add_argument(option.flag, nargs="*", help=option.help)
            return
        notes = [f"[default: {' '.join(option.default)}]"] if option.default else []
        notes += [f"[variable: {option.variable}]"] if option.variable else []
        text = " ".join([option.help, *notes])
        if option.metavar is None:
            self.add_argument(option.flag, dest=option.flag, action="store_const", const=[], help=text)
        elif option.is_list:
            self.add_argument(
                option.flag, dest=option.flag, action="extend", nargs="+", metavar=option.metavar, help=text
            )
        else:
            self.add_argument(option.flag, dest=option.flag, nargs=1, metavar=option.metavar, help=text)

    def _canonical(self, word: str) -> str:
        name, equals, value = word.partition("=")
        return self._spellings.get(name.replace("_", "-"), name) + equals + value
