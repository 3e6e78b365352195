"""Reads the command line of a command. Each flag is also accepted with - for _ and _ for -."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from inspect import cleandoc
from io import StringIO
from typing import Any, NoReturn

from .. import __version__
from ..errors import UsageError
from ..options import OPTIONS, Flags, Option, Options

PROGRAM = "obi" if __name__.startswith("obi.") else "python -m handler"


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
    ignored: Sequence[str] = (),
    epilog: str = "",
) -> Namespace:
    """Read flags and variables into a namespace: `--base-url` is its `base_url`, None where it has no value.

    `lists` are options that take several values in this command, although not in every one; they have no default.
    `ignored` are variables that it does not read. `given` is the set of names given by flag or variable. Raises
    UsageError, or HelpRequested.
    """
    flags = parse_flags(command, description, names, argv, lists=lists, ignored=ignored, epilog=epilog)
    options = Options(flags, {name: text for name, text in environment.items() if name not in ignored}, lists)
    values = {_attribute(name): options.value(name) for name in names}
    return Namespace(**values, given={name for name in names if options.is_given(name)})


def parse_flags(
    command: str,
    description: str,
    names: Sequence[str],
    argv: Sequence[str],
    *,
    lists: Sequence[str] = (),
    ignored: Sequence[str] = (),
    epilog: str = "",
) -> Flags:
    """Flag → the texts given for it, None if it was not given. Raises UsageError, or HelpRequested."""
    parser = _Parser(
        prog=f"{PROGRAM} {command}".strip(),
        description=cleandoc(description),
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name in names:
        option, is_list = OPTIONS[name], OPTIONS[name].is_list or name in lists
        notes = "" if option.variable in ignored else _notes(option, is_list=is_list)
        parser.add_argument(name, **_settings(name, option, f"{option.help}{notes}", is_list=is_list))
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


def _notes(option: Option, *, is_list: bool) -> str:
    default = "" if option.default is None or is_list else f" [default: {option.default}]"
    return f"{default} [variable: {option.variable}]" if option.variable else default


def _settings(name: str, option: Option, help_text: str, *, is_list: bool) -> dict[str, Any]:
    """The arguments of `add_argument`; every option becomes a list of texts, or None."""
    if not name.startswith("-"):
        return {"nargs": "*", "default": None, "help": help_text}
    common = {"dest": name, "help": help_text}
    if option.metavar is None:
        return common | {"action": "store_const", "const": []}
    if is_list:
        return common | {"action": "extend", "nargs": "+", "metavar": option.metavar}
    return common | {"nargs": 1, "metavar": option.metavar}


def _canonical(word: str, spellings: Mapping[str, str]) -> str:
    name, equals, value = word.partition("=")
    return spellings.get(name.replace("_", "-"), name) + equals + value


def _attribute(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower().replace("from", "from_")
