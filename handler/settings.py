"""Settings, read from flags or variables and validated at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from handler.errors import UsageError
from handler.exchanges.binance_pairs import Pair
from handler.exchanges.market import DEFAULT_MARKET, MARKETS, Market
from handler.options import Flags, Options

MAX_INTERVAL_SECONDS = 86_400
MAX_RETENTION_DAYS = 36_500
MAX_COUNT = 999_999_999
NO_TABLE = "no table: give --table NAME, or set OBI_TABLE"


@dataclass(frozen=True, slots=True)
class Settings:
    """What to sample, how often, from where and into which table; 0 days keeps records for ever."""

    pairs: tuple[Pair, ...]
    levels: tuple[int, ...]
    interval_seconds: int
    base_urls: tuple[str, ...]
    table: str | None
    retention_days: int
    market: Market = MARKETS[DEFAULT_MARKET]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The pairs as the exchange spells them."""
        return tuple(pair.symbol for pair in self.pairs)

    @classmethod
    def read(cls, flags: Flags, environment: Mapping[str, str]) -> Self:
        """Flags override variables, variables defaults. Raises UsageError, which names the option."""
        options = Options(flags, environment)
        settings = cls(
            pairs=read_pairs(options),
            levels=read_levels(options),
            interval_seconds=read_interval_seconds(options),
            base_urls=read_base_urls(options),
            table=options.value("--table") if options.is_given("--table") else None,
            retention_days=read_retention_days(options),
        )
        settings.check_weight()
        return settings

    def check_weight(self, extra_requests: int = 0) -> None:
        """Raise UsageError for more request weight than the exchange allows: it would ban this address.

        `extra_requests` are those for each pair and minute beyond one every interval.
        """
        weight = self.market.request_weight(max(self.levels))
        per_minute = len(self.pairs) * weight * (60 / self.interval_seconds + extra_requests)
        if per_minute > self.market.WEIGHT_PER_MINUTE:
            extra = f" and {extra_requests} times a minute more (where invocations overlap)" if extra_requests else ""
            raise UsageError(
                f"{len(self.pairs)} symbols x weight {weight} (for {max(self.levels)} levels) every"
                f" {self.interval_seconds} s{extra} are {per_minute:.0f} of request weight a minute, and the exchange"
                f" allows {self.market.WEIGHT_PER_MINUTE}: give fewer symbols or levels, or a longer interval"
            )


def read_pairs(options: Options) -> tuple[Pair, ...]:
    """The pairs, each once. Raises UsageError if there is none."""
    market = MARKETS[DEFAULT_MARKET]
    quote = market.read_quote(options.value("--quote"), options.name("--quote"))
    pairs: dict[str, Pair] = {}
    for word in options.values("--symbol"):
        pair = market.read_pair(word, quote, options.name("--symbol"))
        if pair.symbol not in pairs or not pair.hint:  # of two spellings keep the one without a hint
            pairs[pair.symbol] = pair
    if not pairs:
        raise UsageError("no symbol: give --symbol BTC, or set OBI_SYMBOLS")
    return tuple(pairs.values())


def read_levels(options: Options) -> tuple[int, ...]:
    """The depths, each once. Raises UsageError."""
    return tuple(dict.fromkeys(options.whole_numbers("--levels", 1, MARKETS[DEFAULT_MARKET].MAX_LEVELS)))


def read_interval_seconds(options: Options) -> int:
    """Seconds from one sample to the next. Raises UsageError."""
    return options.whole_number("--interval_seconds", 1, MAX_INTERVAL_SECONDS)


def read_count(options: Options) -> int | None:
    """How many intervals to sample, None for ever. Raises UsageError."""
    return options.whole_number("--count", 1, MAX_COUNT) if options.is_given("--count") else None


def read_base_urls(options: Options) -> tuple[str, ...]:
    """The hosts to request from, each once. Raises UsageError."""
    name = options.name("--base-url")
    return tuple(dict.fromkeys(check_base_url(url, name) for url in options.values("--base-url")))


def read_retention_days(options: Options) -> int:
    """Days that records are kept, 0 for ever. Raises UsageError."""
    return options.whole_number("--retention-days", 0, MAX_RETENTION_DAYS)


def read_table(options: Options) -> str:
    """The name of the table, for a command that needs one. Raises UsageError."""
    if not options.is_given("--table"):
        raise UsageError(NO_TABLE)
    return options.value("--table")


def check_base_url(text: str, name: str = "--base-url") -> str:
    """The URL without a slash at its end. Raises UsageError unless it is http or https, with a host and no query."""
    url = text.rstrip("/")
    if not _is_base_url(url):
        without_password = text.rpartition("@")[2]
        raise UsageError(
            f"{name} {without_password!r} is not a base URL: give http:// or https://, a host, and perhaps a path"
        )
    return url


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and "@" not in parts.path and not set(url) & set("?# ") and url.isprintable()
