"""Settings, read from flags or variables and validated at start."""

import re
from collections.abc import Mapping
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from handler.errors import UsageError
from handler.exchanges.binance_pairs import Pair
from handler.exchanges.market import MARKETS, Market
from handler.options import Flags, Options
from handler.record import MAX_BPS, Depth, Series
from handler.slots import MAX_INTERVAL_SECONDS

DEFAULT_LEVELS = 5
MIN_LIMIT_WITH_BPS = 1000
"""Levels that are requested by default to measure a distance: a hundred often reach no further than a few bps."""
MAX_RETENTION_DAYS = 36_500
MAX_COUNT = 999_999_999
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
NO_TABLE = "no table: give --table NAME, or set OBI_TABLE"


class Settings(NamedTuple):
    """What to sample, how often, from where and into which table; 0 days keeps records for ever."""

    market_name: str
    pairs: tuple[Pair, ...]
    depths: tuple[Depth, ...]
    limit: int
    """Levels that each request asks for."""
    interval_seconds: int
    base_urls: tuple[str, ...]
    table: str | None
    retention_days: int

    @property
    def market(self) -> Market:
        """The facts of the market."""
        return MARKETS[self.market_name]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The pairs as the exchange spells them."""
        return tuple(pair.symbol for pair in self.pairs)

    @property
    def series(self) -> tuple[Series, ...]:
        """What is sampled, in the order of the table's keys."""
        found = [
            Series(symbol, depth.levels if depth.bps is None else None, depth.bps, self.market_name)
            for symbol in self.symbols
            for depth in self.depths
        ]
        return tuple(sorted(found, key=lambda series: series.key))

    @classmethod
    def read(cls, flags: Flags, environment: Mapping[str, str]) -> Self:
        """Flags override variables, variables defaults. Raises UsageError, which names the option."""
        options = Options(flags, environment)
        market_name = read_market(options)
        market = MARKETS[market_name]
        limit = read_limit(options, market)
        settings = cls(
            market_name=market_name,
            pairs=read_pairs(options, market),
            depths=read_depths(options, market, limit),
            limit=limit,
            interval_seconds=read_interval_seconds(options),
            base_urls=read_base_urls(options, market),
            table=options.value("--table") if options.is_given("--table") else None,
            retention_days=read_retention_days(options),
        )
        settings.check_weight()
        return settings

    def check_weight(self, extra_requests: int = 0) -> None:
        """Raise UsageError for more request weight than the exchange allows: it would ban this address.

        `extra_requests` are those for each pair and minute beyond one every interval.
        """
        weight = self.market.request_weight(self.limit)
        per_minute = len(self.pairs) * weight * (60 / self.interval_seconds + extra_requests)
        if per_minute > self.market.WEIGHT_PER_MINUTE:
            extra = f" and {extra_requests} times a minute more (where invocations overlap)" if extra_requests else ""
            raise UsageError(
                f"{len(self.pairs)} symbols x weight {weight} (for a limit of {self.limit} levels) every"
                f" {self.interval_seconds} s{extra} are {per_minute:.0f} of request weight a minute, and the exchange"
                f" allows {self.market.WEIGHT_PER_MINUTE}: give fewer symbols, fewer levels (--limit, --levels), or a"
                " longer interval"
            )


def read_markets(options: Options) -> tuple[str, ...]:
    """The names of markets, each once. Raises UsageError."""
    names = tuple(dict.fromkeys(options.values("--market")))
    for name in names:
        if name not in MARKETS:
            raise UsageError(f"{options.name('--market')} {name} is not a market: give one of {', '.join(MARKETS)}")
    return names


def read_market(options: Options) -> str:
    """The name of the one market that is sampled. Raises UsageError."""
    names = read_markets(options)
    if len(names) > 1:
        raise UsageError(f"{options.name('--market')} takes one market here, not {', '.join(names)}: run one for each")
    return names[0]


def read_pairs(options: Options, market: Market) -> tuple[Pair, ...]:
    """The pairs, each once. Raises UsageError if there is none."""
    quote = market.read_quote(options.value("--quote"), options.name("--quote"))
    pairs: dict[str, Pair] = {}
    for word in options.values("--symbol"):
        pair = market.read_pair(word, quote, options.name("--symbol"))
        if pair.symbol not in pairs or not pair.hint:  # of two spellings keep the one without a hint
            pairs[pair.symbol] = pair
    if not pairs:
        raise UsageError("no symbol: give --symbol BTC, or set OBI_SYMBOLS")
    return tuple(pairs.values())


def read_levels(options: Options, max_levels: int) -> tuple[int, ...]:
    """The numbers of levels, each once; none if only distances are requested. Raises UsageError."""
    if not options.is_given("--levels"):
        return () if options.is_given("--bps") else (DEFAULT_LEVELS,)
    return tuple(dict.fromkeys(options.whole_numbers("--levels", 1, max_levels)))


def read_distances(options: Options) -> tuple[int, ...]:
    """The distances from mid in basis points, each once. Raises UsageError."""
    return tuple(dict.fromkeys(options.whole_numbers("--bps", 1, MAX_BPS))) if options.is_given("--bps") else ()


def read_depths(options: Options, market: Market, limit: int) -> tuple[Depth, ...]:
    """What to measure of each book: the top levels, then the distances, which use all of the levels that are requested.

    Raises UsageError.
    """
    levels = [Depth(number) for number in read_levels(options, market.MAX_LEVELS)]
    return (*levels, *(Depth(limit, bps) for bps in read_distances(options)))


def read_limit(options: Options, market: Market) -> int:
    """How many levels to request. Raises UsageError if they are fewer than --levels needs."""
    needed = max(read_levels(options, market.MAX_LEVELS), default=1)
    if options.is_given("--limit"):
        limit = options.whole_number("--limit", 1, market.MAX_LEVELS)
        if limit < needed:
            raise UsageError(f"{options.name('--limit')} {limit} is less than --levels {needed} needs: leave it out")
        return market.request_limit(limit)
    return market.request_limit(max(needed, MIN_LIMIT_WITH_BPS) if options.is_given("--bps") else needed)


def read_interval_seconds(options: Options) -> int:
    """Seconds from one sample to the next. Raises UsageError."""
    return options.whole_number("--interval_seconds", 1, MAX_INTERVAL_SECONDS)


def read_count(options: Options) -> int | None:
    """How many intervals to sample, None for ever. Raises UsageError."""
    return options.whole_number("--count", 1, MAX_COUNT) if options.is_given("--count") else None


def read_base_urls(options: Options, market: Market) -> tuple[str, ...]:
    """The hosts to request from, each once. Raises UsageError."""
    if not options.is_given("--base-url"):
        return (market.DEFAULT_BASE_URL,)
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


def read_files(options: Options) -> list[str]:
    """The names of the files to read, as they are: a name may hold a comma. Raises UsageError."""
    names = options.arguments("--from")
    if not all(names):
        raise UsageError("--from has an empty value: leave it out or fill it in")
    return list(dict.fromkeys(names))


def read_tables(options: Options) -> list[str]:
    """The names of the tables to read as one. Raises UsageError."""
    if not options.is_given("--table"):
        raise UsageError(NO_TABLE)
    return list(dict.fromkeys(options.values("--table")))


def read_table_address(address: str) -> tuple[str, str | None]:
    """The name and region of NAME or NAME@REGION. Raises UsageError."""
    name, at, region = address.partition("@")
    if not name or (at and not _REGION.fullmatch(region)):
        raise UsageError(f"--table {address} is not a table: give NAME or NAME@REGION, such as obi@eu-west-1")
    return name, region or None


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
