"""The options of all commands, one row each, and their values: of the flag, else the variable, else the default."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from handler.errors import UsageError
from handler.record import DEFAULT_MARKET


class Option(NamedTuple):
    """One option. Without `metavar` it takes no value, with `is_list` several; the flag overrides `variable`."""

    flag: str
    metavar: str | None
    help: str
    variable: str = ""
    default: tuple[str, ...] = ()
    is_list: bool = False


OPTIONS = {
    option.flag: option
    for option in (
        Option(
            "--symbol",
            "PAIR",
            "pairs such as BTC (the quote asset is appended), BTCUSDT or ETH/BTC",
            variable="OBI_SYMBOLS",
            is_list=True,
        ),
        Option(
            "--market",
            "MARKET",
            "spot, or usdm for USD-M futures",
            variable="OBI_MARKET",
            default=(DEFAULT_MARKET,),
            is_list=True,
        ),
        Option(
            "--levels",
            "N",
            "levels of each side of the book to measure, 1 to 5000 (usdm: 1000); one record for each number given;"
            " 5 unless --bps is given",
            variable="OBI_LEVELS",
            is_list=True,
        ),
        Option(
            "--bps",
            "N",
            "distances from mid to measure, in basis points, 1 to 5000; one record for each",
            variable="OBI_BPS",
            is_list=True,
        ),
        Option(
            "--limit",
            "N",
            "levels to request; by default as many as --levels needs, and at least 1000 with --bps",
            variable="OBI_LIMIT",
        ),
        Option(
            "--interval_seconds",
            "N",
            "seconds from one measurement of a pair to the next",
            variable="OBI_INTERVAL_SECONDS",
            default=("60",),
        ),
        Option("--count", "N", "end after N intervals; without it, run until interrupted by Ctrl-C"),
        Option(
            "--quote",
            "ASSET",
            "quote asset to append to pairs such as BTC that are given without one",
            variable="OBI_QUOTE",
            default=("USDT",),
        ),
        Option(
            "--detail",
            None,
            "also print best prices, mid, spread, reach, quantity imbalance, host, latency, …",
        ),
        Option(
            "--base-url",
            "URL",
            "base URLs of the exchange instead of the market's own; if one fails, the next is tried",
            variable="OBI_BASE_URL",
            is_list=True,
        ),
        Option(
            "--table",
            "NAME",
            "DynamoDB table of the records, or NAME@REGION; AWS is configured as for the AWS CLI",
            variable="OBI_TABLE",
        ),
        Option(
            "--from",
            "FILE",
            "read these files instead of a table: printed lines, logs, Parquet, a folder of it; - for standard input",
            is_list=True,
        ),
        Option(
            "--retention-days",
            "N",
            "days after which a stored record expires; 0 keeps it for ever",
            variable="OBI_RETENTION_DAYS",
            default=("0",),
        ),
        Option(
            "--since",
            "TIME",
            "start: an age such as 90m, 24h or 7d, or an ISO time (UTC unless it has a zone)",
            default=("24h",),
        ),
        Option("--until", "TIME", "end, not included, in the same forms (without it: now)"),
        Option("--every", "DURATION", "print mean, minimum, maximum and last imbalance of steps such as 5m, 1h or 1d"),
        Option(
            "--format",
            "FORMAT",
            "jsonl, csv, table (aligned columns), or parquet, which needs --output",
            default=("jsonl",),
        ),
        Option("--output", "FILE", "write into FILE, which is complete or not there, instead of standard output"),
        Option(
            "--gaps",
            None,
            "print missing slots and the share covered instead of records; exit code 3 if any is missing",
        ),
        Option("--plot", "FILE", "draw mid price and imbalance into FILE, .png or .svg, instead of printing"),
        Option("FILE", "FILE", "files to read, plain or gzip; standard input for - or if none is given"),
    )
}
"""Flag → its option. A new option is a row here, its flag in the FLAGS of its commands, and a reader in settings.py."""

Flags = Mapping[str, Sequence[str] | None]
"""Flag → the arguments that were given for it; None or absent if it was not given."""


class Options:
    """The values given for each option."""

    def __init__(self, flags: Flags, environment: Mapping[str, str]) -> None:
        self._flags = flags
        self._environment = environment

    def is_given(self, flag: str) -> bool:
        """Whether the flag, or a variable that is not empty, was given."""
        return self._flags.get(flag) is not None or bool(self._variable(flag))

    def values(self, flag: str) -> list[str]:
        """The values of an option, also split at commas. Raises UsageError if one is empty."""
        arguments = self._flags.get(flag)
        if arguments is None:
            variable = self._variable(flag)
            arguments = [variable] if variable else OPTIONS[flag].default
        values = [value.strip() for argument in arguments for value in argument.split(",")]
        if not all(values):
            raise UsageError(f"{self.name(flag)} has an empty value: leave it out or fill it in")
        for value in values:
            if not value.isprintable():
                raise UsageError(f"{self.name(flag)} {value!r} has characters that cannot be printed")
        return values

    def is_flag_given(self, flag: str) -> bool:
        """Whether the flag itself was given: what its variable says does not count."""
        return self._flags.get(flag) is not None

    def arguments(self, flag: str) -> list[str]:
        """The arguments of a flag without a variable, as they were given."""
        return list(self._flags.get(flag) or ())

    def value(self, flag: str) -> str:
        """The value of an option that takes one. Raises UsageError."""
        values = self.values(flag)
        if len(values) > 1:
            raise UsageError(f"{self.name(flag)} takes one value, not {len(values)}: {', '.join(values)}")
        return values[0]

    def whole_number(self, flag: str, minimum: int, maximum: int) -> int:
        """The value of an option, as a number within bounds. Raises UsageError."""
        return _whole_number(self.name(flag), self.value(flag), minimum, maximum)

    def whole_numbers(self, flag: str, minimum: int, maximum: int) -> list[int]:
        """The values of an option, each a number within bounds. Raises UsageError."""
        return [_whole_number(self.name(flag), value, minimum, maximum) for value in self.values(flag)]

    def name(self, flag: str) -> str:
        """The name for messages: the flag, or the variable if that was given instead."""
        return OPTIONS[flag].variable if self._flags.get(flag) is None and self._variable(flag) else flag

    def _variable(self, flag: str) -> str:
        return self._environment.get(OPTIONS[flag].variable, "")


def _whole_number(name: str, value: str, minimum: int, maximum: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10 and minimum <= int(value) <= maximum):
        raise UsageError(f"{name} {value} is not a whole number from {minimum} to {maximum}")
    return int(value)
