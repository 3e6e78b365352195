"""What the user asked for: one frozen object, read once from flags or environment, checked at start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from handler.binance import LARGEST_LIMIT, WEIGHT_PER_MINUTE, request_weight
from handler.errors import UsageError
from handler.hosts import DEFAULT_BASE_URL

LONGEST_INTERVAL_SECONDS = 86_400
LONGEST_RETENTION_DAYS = 36_500

ENVIRONMENT = {
    "--symbol": "OBI_SYMBOLS",
    "--levels": "OBI_LEVELS",
    "--interval_seconds": "OBI_INTERVAL_SECONDS",
    "--quote": "OBI_QUOTE",
    "--base-url": "OBI_BASE_URL",
    "--table": "OBI_TABLE",
    "--retention-days": "OBI_RETENTION_DAYS",
}
"""Flag → the variable that stands in for it; several values are separated by commas."""

DEFAULTS = {
    "--levels": ("5",),
    "--interval_seconds": ("60",),
    "--quote": ("USDT",),
    "--base-url": (DEFAULT_BASE_URL,),
    "--retention-days": ("0",),
}

Flags = Mapping[str, Sequence[str] | None]
"""Flag → the words that were given for it, None or absent where it was not given."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to sample, how often, from where and into which table. Intervals are seconds; 0 days keeps for ever."""

    symbols: tuple[str, ...]
    levels: tuple[int, ...]
    interval_seconds: int
    base_urls: tuple[str, ...]
    table: str | None
    retention_days: int

    @classmethod
    def read(cls, flags: Flags, environment: Mapping[str, str]) -> Self:
        """Flags beat environment beats defaults. Raises UsageError, in one sentence that names the culprit."""
        asked = _Asked(flags, environment)
        quote = upper(asked.one("--quote"))
        settings = cls(
            symbols=tuple(dict.fromkeys(pair(word, quote) for word in asked.some("--symbol"))),
            levels=tuple(dict.fromkeys(asked.whole_numbers("--levels", 1, LARGEST_LIMIT))),
            interval_seconds=asked.whole_number("--interval_seconds", 1, LONGEST_INTERVAL_SECONDS),
            base_urls=tuple(dict.fromkeys(base_url(word) for word in asked.some("--base-url"))),
            table=asked.one("--table") if asked.given("--table") else None,
            retention_days=asked.whole_number("--retention-days", 0, LONGEST_RETENTION_DAYS),
        )
        if not settings.symbols:
            raise UsageError("no symbol to sample: give --symbol BTC, or set OBI_SYMBOLS")
        settings.check_weight()
        return settings

    def check_weight(self) -> None:
        """Refuse what the exchange would ban this address for. Raises UsageError."""
        weight = request_weight(max(self.levels))
        a_minute = len(self.symbols) * weight * 60 / self.interval_seconds
        if a_minute > WEIGHT_PER_MINUTE:
            raise UsageError(
                f"{len(self.symbols)} symbols x weight {weight} (for {max(self.levels)} levels) every"
                f" {self.interval_seconds} s are {a_minute:.0f} of request weight a minute, and Binance allows"
                f" {WEIGHT_PER_MINUTE}: ask for fewer symbols or levels, or a longer interval"
            )


def pair(word: str, quote: str) -> str:
    """`btc`, ` BTC ` and `BTCUSDT` all mean BTCUSDT. Whether it exists is for the exchange to say."""
    symbol = upper(word)
    return symbol if symbol.endswith(quote) else symbol + quote


def upper(word: str) -> str:
    """Upper-case a to z only: other letters are legal in symbols (since 2025-12) and `ß` must not become `SS`."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in word.strip())


def base_url(word: str) -> str:
    """Check a base URL. Raises UsageError unless it is http or https, with a host and nothing behind the path."""
    url = word.rstrip("/")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        good = good and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"--base-url {word!r} is no base URL: give http:// or https://, a host, and perhaps a path")
    return url


class _Asked:
    """The words that were given for each flag, and where they came from."""

    def __init__(self, flags: Flags, environment: Mapping[str, str]) -> None:
        self._flags = flags
        self._environment = environment

    def given(self, flag: str) -> bool:
        return self._flags.get(flag) is not None or bool(self._environment.get(ENVIRONMENT[flag]))

    def some(self, flag: str) -> list[str]:
        words = self._flags.get(flag)
        if words is None:
            words = [self._environment[ENVIRONMENT[flag]]] if self.given(flag) else DEFAULTS.get(flag, ())
        found = [word.strip() for several in words for word in several.split(",")]
        if not all(found):
            raise UsageError(f"{self._name(flag)} holds an empty value: leave it out or fill it in")
        for word in found:
            if not word.isprintable():
                raise UsageError(f"{self._name(flag)} {word!r} holds characters that cannot be printed")
        return found

    def one(self, flag: str) -> str:
        words = self.some(flag)
        if len(words) > 1:
            raise UsageError(f"{self._name(flag)} takes one value, not {len(words)}: {', '.join(words)}")
        return words[0]

    def whole_number(self, flag: str, least: int, most: int) -> int:
        return whole_number(self._name(flag), self.one(flag), least, most)

    def whole_numbers(self, flag: str, least: int, most: int) -> list[int]:
        return [whole_number(self._name(flag), word, least, most) for word in self.some(flag)]

    def _name(self, flag: str) -> str:
        return ENVIRONMENT[flag] if self._flags.get(flag) is None else flag


def whole_number(name: str, word: str, least: int, most: int) -> int:
    """Read a whole number. Raises UsageError, naming the flag or variable, if it is none or out of bounds."""
    if not (word.isascii() and word.isdigit() and len(word) < 10 and least <= int(word) <= most):
        raise UsageError(f"{name} {word} is not a whole number from {least} to {most}")
    return int(word)
