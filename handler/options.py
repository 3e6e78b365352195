"""The options of all commands, one row each, and their values: of the flag, else of the variable, else the default."""

import re
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from inspect import cleandoc
from typing import Any, NamedTuple, NoReturn

from . import __version__
from .errors import UsageError
from .exchange.markets import MARKETS
from .pairs import parse_quote
from .slots import MAX_INTERVAL_SECONDS

PROGRAM = "obi" if __name__.startswith("obi.") else "python -m handler"
_TABLE = r"([^@\s]+)(?:@([a-z]{2,}(?:-[a-z]+)+-[0-9]+))?"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_HOST = rf"(?:[^/?#@\s]*@)?(?:\[[0-9a-fA-F:.]+\]|[^/?#@:\s]+)(?::(?:{_PORT}))?"
_BASE_URL = rf"(?:({'|'.join(MARKETS)}):)?(https?://{_HOST}(?:/[^?#@\s]*[^/?#@\s])?)/*"


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers in this range."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise UsageError(f"{text!r:.100} is not a whole number from {lowest} to {highest}")
        return int(text)

    return read


def parts_of(pattern: str, description: str) -> Callable[[str], tuple[str | None, ...]]:
    """Return a reader of texts of this form, which gives the groups of the pattern."""

    def read(text: str) -> tuple[str | None, ...]:
        if not (found := re.fullmatch(pattern, text)):
            shown = text.rpartition("@")[2] if "://" in text else text  # without user and password
            raise UsageError(f"{shown!r:.100} is not {description}")
        return found.groups()

    return read


def parse_share(text: str) -> float:
    """Read a number from 0 to 1. Raises UsageError."""
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", text) or not 0 <= float(text) <= 1:
        raise UsageError(f"{text!r:.100} is not a number from 0 to 1")
    return float(text)


class Option(NamedTuple):
    """One option of the command line and, where `variable` is set, of the environment.

    Without `metavar` it takes no value. `read` turns one text into its value. A list takes several values, also
    separated by commas or spaces unless they are paths.
    """

    metavar: str | None
    help: str
    variable: str = ""
    default: str | None = None
    read: Callable[[str], Any] = str
    is_list: bool = False
    is_path: bool = False


parse_levels = whole_number(1, 5000)
parse_bps = whole_number(1, 500)
parse_seconds = whole_number(1, MAX_INTERVAL_SECONDS)
parse_days = whole_number(0, 36_500)
parse_count = whole_number(1, 999_999_999)
parse_table = parts_of(_TABLE, "a table: give NAME or NAME@REGION, such as obi@eu-west-1")
parse_base_url = parts_of(_BASE_URL, "a base URL: give http(s)://HOST, or usdm:http(s)://HOST for one market")

# A new option is a row here, and its flag in the FLAGS of its commands.
OPTIONS = {
    "--symbol": Option("PAIR", "pairs such as BTC, BTCUSDT, ETH/BTC or usdm:BTC", "OBI_SYMBOLS", is_list=True),
    "--levels": Option("N", "how many levels of each side the imbalance is of", "OBI_LEVELS", "5", parse_levels),
    "--bps": Option("N", "distances from mid in bps: rungs of the stored ladder", read=parse_bps, is_list=True),
    "--limit": Option("N", "levels to request; for full records at least 1000", "OBI_LIMIT", read=parse_levels),
    "--interval_seconds": Option("N", "from one sample to the next", "OBI_INTERVAL_SECONDS", "60", parse_seconds),
    "--count": Option("N", "end after N intervals; without it, run until Ctrl-C", read=parse_count),
    "--quote": Option("ASSET", "quote asset to append to pairs given without one", "OBI_QUOTE", "USDT", parse_quote),
    "--detail": Option(None, "the full record: top 20 levels, depth ladder, host, latency, ..."),
    "--base-url": Option(
        "URL", "other hosts; usdm:URL is for that market", "OBI_BASE_URL", read=parse_base_url, is_list=True
    ),
    "--to": Option("FOLDER", "append records to FOLDER, one file a day"),
    "--table": Option("NAME", "DynamoDB table: NAME or NAME@REGION", "OBI_TABLE", read=parse_table),
    "--from": Option("PATH", "folders, files or globs of records; - for stdin", is_list=True, is_path=True),
    "--retention-days": Option("N", "days to keep in the table, 0: for ever", "OBI_RETENTION_DAYS", "0", parse_days),
    "--since": Option("TIME", "start: an age such as 90m, 24h or 7d, or an ISO time (UTC unless it has a zone)"),
    "--until": Option("TIME", "end, not included, in the same forms"),
    "--every": Option("STEP", "mean, minimum, maximum and last of steps such as 5m, 1h or 1d"),
    "--gaps": Option(None, "missing slots and why, instead of records; exit code 3 if any is missing"),
    "--reasons": Option(None, "also the reasons why slots have no record"),
    "--plot": Option("FILE", "draw price and imbalance into FILE, .png or .svg"),
    "--full-scale": Option(None, "let the imbalance of --plot reach from -1 to 1"),
    "--format": Option("FORMAT", "jsonl, csv or parquet; by default what the ending of --output says, else jsonl"),
    "--output": Option("FILE", "write to FILE, once it is complete; - for standard output"),
    "--min-share": Option("X", "exit code 3 if a pair has less than this share of its slots", read=parse_share),
    "file": Option("FILE", "files to read; standard input for - or if none is given", is_list=True, is_path=True),
}


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
    """Read flags and variables into a namespace: `--base-url` is its `base_url`, without a value None, [] or False.

    `lists` are options that take several values in this command only, and `ignored` variables that it does not read;
    neither has a default. `given` is the set of options given by flag or variable. Raises UsageError, or SystemExit
    after --help or --version.
    """
    options = {name: OPTIONS[name] for name in names}
    options |= {name: options[name]._replace(is_list=True, default=None) for name in lists}
    for name, option in options.items():
        if option.variable in ignored:
            options[name] = option._replace(variable="", default=None)
    parser = _Parser(
        prog=f"{PROGRAM} {command}".strip(),
        description=cleandoc(description),
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, option in options.items():
        parser.add_argument(name, **_argparse_arguments(name, option))
    parser.add_argument("--version", action="version", version=f"order-book-imbalance {__version__}")
    flags = parser.parse_args([_canonical(word, names) for word in argv])
    flags.given = set()
    for name, option in options.items():
        if option.metavar is not None:
            texts, variable = getattr(flags, _attribute(name)), environment.get(option.variable, "").strip()
            setattr(flags, _attribute(name), _value(name, option, texts, variable))
            if texts is not None or variable:
                flags.given.add(name)
    return flags


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")

    def print_help(self, _file: object = None) -> None:
        print(self.format_help(), end="")  # argparse itself ignores a full disk


def _argparse_arguments(name: str, option: Option) -> dict[str, Any]:
    """Return the arguments of `add_argument`; an option becomes True or False, or a list of texts or None."""
    default = f" [default: {option.default}]" if option.default else ""
    variable = f" [variable: {option.variable}]" if option.variable else ""
    settings: dict[str, Any] = {"help": f"{option.help}{default}{variable}"}
    if name.startswith("-"):
        settings["dest"] = _attribute(name)
    if option.metavar is None:
        return settings | {"action": "store_true"}
    settings["metavar"] = option.metavar
    if not option.is_list:
        return settings | {"nargs": 1}
    return settings | {"action": "extend", "nargs": "+" if name.startswith("-") else "*"}


def _canonical(word: str, names: Sequence[str]) -> str:
    flag, equals, value = word.partition("=")
    canonical = {name.replace("_", "-"): name for name in names}
    return f"{canonical.get(flag.replace('_', '-'), flag)}{equals}{value}"


def _attribute(name: str) -> str:
    attribute = name.lstrip("-").replace("-", "_")
    return "from_" if attribute == "from" else attribute  # a keyword of Python


def _value(name: str, option: Option, texts: Sequence[str] | None, variable: str) -> Any:
    if texts is None and variable:
        name, texts = option.variable, [variable]
    elif texts is None:
        texts = [] if option.default is None else [option.default]
    if texts and option.is_list and not option.is_path:
        joined = re.sub(r"\s*/\s*", "/", ",".join(texts))
        texts = re.split(r"\s*,\s*|\s+", joined.strip())
    if not all(texts):
        raise UsageError(f"{name} has an empty value: leave it out or fill it in")
    try:
        values = [option.read(text) for text in dict.fromkeys(texts)]
    except UsageError as error:
        raise UsageError(f"{name} {error}") from None
    return values if option.is_list else next(iter(values), None)
