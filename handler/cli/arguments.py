"""Reads the command line of a command. Each flag is also accepted with - for _ and _ for -."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import NoReturn

from .. import __version__
from ..errors import UsageError
from ..options import OPTIONS, Flags, Option, Options


class HelpRequested(SystemExit):
    """--help or --version was given: `text` is what to print."""

    def __init__(self, text: str) -> None:
        super().__init__(0)
        self.text = text


def parse(
    command: str,
    description: str,
    names: Sequence[str],
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    lists: Sequence[str] = (),
    epilog: str = "",
) -> Namespace:
    """Read flags and variables into a namespace: `--base-url` is its `base_url`, None where it has no value.

    `lists` are options that take several values in this command, although not in every one; they have no default.
    `given` is the set of names given by flag or variable. Raises UsageError, or HelpRequested.
    """
    flags = parse_flags(command, description, names, argv, lists=lists, epilog=epilog)
    options = Options(flags, environment, lists)
    values = {_attribute(name): options.value(name) for name in names}
    return Namespace(**values, given={name for name in names if options.is_given(name)})


def parse_flags(
    command: str,
    description: str,
    names: Sequence[str],
    argv: Sequence[str],
    *,
    lists: Sequence[str] = (),
    epilog: str = "",
) -> Flags:
    """Flag → the texts given for it, None if it was not given. Raises UsageError, or HelpRequested."""
    parser = _Parser(
        prog=" ".join(["python -m handler", command]).strip(),
        description=description,
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name in names:
        _add(parser, OPTIONS[name], is_list=OPTIONS[name].is_list or name in lists)
    parser.add_argument("--version", action="version", version=f"order-book-imbalance {__version__}")
    spellings = {name.replace("_", "-"): name for name in names}
    try:
        with redirect_stdout(StringIO()) as text:  # argparse ignores a full disk and a slow reader
            return vars(parser.parse_args([_canonical(word, spellings) for word in argv]))
    except SystemExit:
        raise HelpRequested(text.getvalue().rstrip("\n")) from None


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _add(parser: ArgumentParser, option: Option, *, is_list: bool) -> None:
    if not option.flag.startswith("-"):
        parser.add_argument(option.flag, nargs="*", default=None, help=option.help)
        return
    notes = [f"[default: {option.default}]"] if option.default is not None and not (is_list) else []
    notes += [f"[variable: {option.variable}]"] if option.variable else []
    text = " ".join([option.help, *notes])
    if option.metavar is None:
        parser.add_argument(option.flag, dest=option.flag, action="store_const", const=[], help=text)
    elif is_list:
        parser.add_argument(
            option.flag, dest=option.flag, action="extend", nargs="+", metavar=option.metavar, help=text
        )
    else:
        parser.add_argument(option.flag, dest=option.flag, nargs=1, metavar=option.metavar, help=text)


def _canonical(word: str, spellings: Mapping[str, str]) -> str:
    name, equals, value = word.partition("=")
    return spellings.get(name.replace("_", "-"), name) + equals + value


def _attribute(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower().replace("from", "from_")
