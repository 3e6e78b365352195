"""The options of all commands, one row each, and their values: of the flag, else of the variable, else the default."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .errors import UsageError
from .slots import MAX_INTERVAL_SECONDS

MAX_LEVELS = 5000
MAX_BPS = 500
MAX_COUNT = 999_999_999
MAX_RETENTION_DAYS = 36_500
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Returns a reader of whole numbers in this range."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise UsageError(f"is not a whole number from {lowest} to {highest}")
        return int(text)

    return read


def parse_share(text: str) -> float:
    """A number from 0 to 1."""
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", text) or not 0 <= float(text) <= 1:
        raise UsageError("is not a number from 0 to 1")
    return float(text)


def parse_base_url(text: str) -> tuple[str | None, str]:
    """The market that a URL is for, None for all, and the URL without a slash at its end."""
    prefix, colon, rest = text.partition(":")
    market, url = (prefix, rest) if colon and "://" in rest else (None, text)
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or "@" in parts.path or set(url) & set("?# ") or not url.isprintable():
        raise UsageError("is not a base URL: give http:// or https://, a host, and perhaps a path")
    return market, url


def parse_table(text: str) -> tuple[str, str | None]:
    """The name and region of NAME or NAME@REGION."""
    name, at, region = text.partition("@")
    if not name or (at and not _REGION.fullmatch(region)):
        raise UsageError("is not a table: give NAME or NAME@REGION, such as obi@eu-west-1")
    return name, region or None


class Option(NamedTuple):
    """One option of the command line and, where `variable` is set, of the environment.

    Without `metavar` it takes no value. `read` turns one text into its value, or raises UsageError with the rest of a
    sentence that begins with the option. A list takes several values, also separated by commas or spaces
    unless they are paths.
    """

    metavar: str | None
    help: str
    variable: str = ""
    default: str | None = None
    read: Callable[[str], Any] = str
    is_list: bool = False
    is_path: bool = False


parse_levels = whole_number(1, MAX_LEVELS)
parse_bps = whole_number(1, MAX_BPS)
parse_seconds = whole_number(1, MAX_INTERVAL_SECONDS)
parse_days = whole_number(0, MAX_RETENTION_DAYS)
parse_count = whole_number(1, MAX_COUNT)

# A new option is a row here, and its flag in the FLAGS of its commands.
OPTIONS = {
    "--symbol": Option("PAIR", "pairs such as BTC, BTCUSDT, ETH/BTC or usdm:BTC", "OBI_SYMBOLS", is_list=True),
    "--levels": Option("N", "how many levels of each side the imbalance is of", "OBI_LEVELS", "5", parse_levels),
    "--bps": Option("N", "distances from mid in bps: rungs of the stored ladder", read=parse_bps, is_list=True),
    "--limit": Option("N", "levels to request; for full records at least 1000", "OBI_LIMIT", read=parse_levels),
    "--interval_seconds": Option("N", "from one sample to the next", "OBI_INTERVAL_SECONDS", "60", parse_seconds),
    "--count": Option("N", "end after N intervals; without it, run until Ctrl-C", read=parse_count),
    "--quote": Option("ASSET", "quote asset to append to pairs given without one", "OBI_QUOTE", "USDT"),
    "--detail": Option(None, "the full record: top 20 levels, depth ladder, host, latency, …"),
    "--base-url": Option(
        "URL", "other hosts; usdm:URL is for that market", "OBI_BASE_URL", read=parse_base_url, is_list=True
    ),
    "--to": Option("FOLDER", "append records to FOLDER, one file a day", is_path=True),
    "--table": Option("NAME", "DynamoDB table: NAME or NAME@REGION", "OBI_TABLE", read=parse_table),
    "--from": Option("PATH", "folders, files or globs of records; - for stdin", is_list=True, is_path=True),
    "--retention-days": Option("N", "days to keep in the table, 0: for ever", "OBI_RETENTION_DAYS", "0", parse_days),
    "--since": Option("TIME", "start: an age such as 90m, 24h or 7d, or an ISO time (UTC unless it has a zone)"),
    "--until": Option("TIME", "end, not included, in the same forms"),
    "--every": Option("STEP", "mean, minimum, maximum and last of steps such as 5m, 1h or 1d"),
    "--gaps": Option(None, "missing slots and why, instead of records; exit code 3 if any is missing"),
    "--reasons": Option(None, "also the reasons why slots have no record"),
    "--plot": Option("FILE", "draw price and imbalance into FILE, .png or .svg", is_path=True),
    "--full-scale": Option(None, "let the imbalance of --plot reach from -1 to 1"),
    "--format": Option("FORMAT", "jsonl, csv or parquet; by default what the ending of --output says, else jsonl"),
    "--output": Option("FILE", "write to FILE, once it is complete; - for standard output", is_path=True),
    "--min-share": Option("X", "exit code 3 if a pair has less than this share of its slots", read=parse_share),
    "FILE": Option("FILE", "files to read; standard input for - or if none is given", is_list=True, is_path=True),
}

Flags = Mapping[str, Sequence[str] | None]  # flag → the texts that were given for it; None if it was not given


class Options:
    """The values given by flags or variables; an empty variable is absent."""

    def __init__(self, flags: Flags, environment: Mapping[str, str], lists: Sequence[str] = ()) -> None:
        self._flags = flags
        self._environment = environment
        self._lists = lists

    def name(self, flag: str) -> str:
        """The flag or, where its variable gave the value, the variable."""
        is_variable = self._flags.get(flag) is None and self._variable(flag)
        return OPTIONS[flag].variable if is_variable else flag

    def is_given(self, flag: str) -> bool:
        """True if the flag, or a variable that is not empty, was given."""
        return self._flags.get(flag) is not None or bool(self._variable(flag))

    def value(self, flag: str) -> Any:
        """The value of an option: a list where it takes several, None where it has none. Raises UsageError."""
        option = OPTIONS[flag]
        if option.metavar is None:
            return self._flags.get(flag) is not None
        values = [self._read(flag, text) for text in self._texts(flag)]
        if option.is_list or flag in self._lists:
            return values
        if len(values) > 1:
            raise UsageError(f"{self.name(flag)} takes one value, not {len(values)}")
        return values[0] if values else None

    def _texts(self, flag: str) -> list[str]:
        option, given = OPTIONS[flag], self._flags.get(flag)
        if given is None:
            default = None if flag in self._lists else option.default
            given = [text for text in [self._variable(flag) or default] if text is not None]
        if given and not option.is_path:
            joined = re.sub(r"\s*/\s*", "/", ",".join(given))
            given = re.split(r"\s*,\s*|\s+", joined.strip())
        if not all(given):
            raise UsageError(f"{self.name(flag)} has an empty value: leave it out or fill it in")
        return list(dict.fromkeys(given))

    def _read(self, flag: str, text: str) -> Any:
        try:
            return OPTIONS[flag].read(text)
        except UsageError as error:
            shown = text.rpartition("@")[2] if "://" in text else text  # without user and password
            raise UsageError(f"{self.name(flag)} {shown!r:.100} {error}") from None

    def _variable(self, flag: str) -> str:
        return self._environment.get(OPTIONS[flag].variable, "").strip() if OPTIONS[flag].variable else ""
