"""What the user asked for: one frozen object, read once from flags or environment, checked at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from handler.asked import Asked, Flags
from handler.binance import LARGEST_LIMIT, WEIGHT_PER_MINUTE, request_weight
from handler.errors import UsageError
from handler.pairs import Pair, read_pair, read_quote

LONGEST_INTERVAL_SECONDS = 86_400
LONGEST_RETENTION_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Settings:
    """What to sample, how often, from where and into which table. Intervals are seconds; 0 days keeps for ever."""

    pairs: tuple[Pair, ...]
    levels: tuple[int, ...]
    interval_seconds: int
    base_urls: tuple[str, ...]
    table: str | None
    retention_days: int

    @property
    def symbols(self) -> tuple[str, ...]:
        """The pairs as the exchange spells them."""
        return tuple(pair.symbol for pair in self.pairs)

    @classmethod
    def read(cls, flags: Flags, environment: Mapping[str, str]) -> Self:
        """Flags beat environment beats defaults. Raises UsageError, in one sentence that names the culprit."""
        asked = Asked(flags, environment)
        settings = cls(
            pairs=pairs(asked),
            levels=levels(asked),
            interval_seconds=interval_seconds(asked),
            base_urls=base_urls(asked),
            table=asked.one("--table") if asked.given("--table") else None,
            retention_days=retention_days(asked),
        )
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


def pairs(asked: Asked) -> tuple[Pair, ...]:
    """The pairs asked for, each once. Raises UsageError if there is none."""
    quote = read_quote(asked.one("--quote"), asked.name("--quote"))
    name = asked.name("--symbol")
    found: dict[str, Pair] = {}
    for pair in (read_pair(word, quote, name) for word in asked.some("--symbol")):
        if pair.symbol not in found or not pair.hint:  # of two spellings the one that needs no hint
            found[pair.symbol] = pair
    if not found:
        raise UsageError("no symbol: give --symbol BTC, or set OBI_SYMBOLS")
    return tuple(found.values())


def levels(asked: Asked) -> tuple[int, ...]:
    """The depths asked for, each once. Raises UsageError."""
    return tuple(dict.fromkeys(asked.whole_numbers("--levels", 1, LARGEST_LIMIT)))


def interval_seconds(asked: Asked) -> int:
    """Seconds from one sample to the next. Raises UsageError."""
    return asked.whole_number("--interval_seconds", 1, LONGEST_INTERVAL_SECONDS)


def base_urls(asked: Asked) -> tuple[str, ...]:
    """The hosts to ask, each once. Raises UsageError."""
    name = asked.name("--base-url")
    return tuple(dict.fromkeys(base_url(word, name) for word in asked.some("--base-url")))


def retention_days(asked: Asked) -> int:
    """Days that records are kept, 0 for ever. Raises UsageError."""
    return asked.whole_number("--retention-days", 0, LONGEST_RETENTION_DAYS)


def table(asked: Asked) -> str:
    """The name of the table, for a command that cannot do without. Raises UsageError."""
    if not asked.given("--table"):
        raise UsageError("no table: give --table NAME, or set OBI_TABLE")
    return asked.one("--table")


def base_url(word: str, name: str = "--base-url") -> str:
    """Check a base URL. Raises UsageError unless it is http or https, with a host and nothing behind the path."""
    url = word.rstrip("/")
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https") and parts.hostname and not set(url) & set("?#") and "@" not in parts.path
        )
        good = good and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good:
        told = word.rpartition("@")[2]  # without a password
        raise UsageError(f"{name} {told!r} is no base URL: give http:// or https://, a host, and perhaps a path")
    return url
