"""The options of all commands, one row each, and their values: of the flag, else the variable, else the default."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from handler.errors import UsageError
from handler.exchanges.market import DEFAULT_MARKET, MARKETS


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
            "pairs such as BTC (the quote asset is appended), BTCUSDT, or ETH/BTC with both sides",
            variable="OBI_SYMBOLS",
            is_list=True,
        ),
        Option(
            "--levels",
            "N",
            "how many levels of each side to measure, 1 to 5000; several give one record each",
            variable="OBI_LEVELS",
            default=("5",),
            is_list=True,
        ),
        Option(
            "--interval_seconds",
            "N",
            "seconds from one measurement to the next",
            variable="OBI_INTERVAL_SECONDS",
            default=("60",),
        ),
        Option("--count", "N", "end after so many intervals instead of on Ctrl-C"),
        Option(
            "--quote",
            "ASSET",
            "quote asset of pairs that are given without one; those with a slash keep their own",
            variable="OBI_QUOTE",
            default=("USDT",),
        ),
        Option(
            "--detail",
            None,
            "print the detail keys too: best prices, spread, reach, quantity imbalance, host, latency, …",
        ),
        Option(
            "--base-url",
            "URL",
            "hosts to request from; the next one is tried when one fails",
            variable="OBI_BASE_URL",
            default=(MARKETS[DEFAULT_MARKET].DEFAULT_BASE_URL,),
            is_list=True,
        ),
        Option("--table", "NAME", "DynamoDB table that keeps the records", variable="OBI_TABLE"),
        Option(
            "--retention-days",
            "N",
            "days after which stored records expire, 0 for never",
            variable="OBI_RETENTION_DAYS",
            default=("0",),
        ),
        Option(
            "--since",
            "TIME",
            "from here: an age such as 90m, 24h or 7d, or an ISO time, UTC where it has no zone",
            default=("24h",),
        ),
        Option("--until", "TIME", "up to here, not included (default now)"),
        Option("--format", "FORMAT", "jsonl, csv, or table for people", default=("jsonl",)),
        Option(
            "--gaps",
            None,
            "print the missing slots instead, as --format says, and the share covered; exit code 3 if there are any",
        ),
        Option("--plot", "FILE", "draw mid price and imbalance instead, as .png or .svg"),
        Option("FILE", "FILE", "files to read, also compressed by gzip; standard input if none is given, or for -"),
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
