"""The sampler's settings, read from flags or variables and validated at start."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import NamedTuple, Self

from .errors import UsageError
from .exchange.markets import MARKETS, Market
from .options import Flags, Options
from .pairs import NamedPair, parse_pair, parse_quote
from .record import Pair

FULL_LIMIT = 1000


class Settings(NamedTuple):
    """The settings of a sampler. Records are kept for `retention_days`; 0: for ever.

    `limits` and `base_urls` are by market: how many levels to request, and the hosts to request from.
    """

    pairs: tuple[Pair, ...]
    hints: Mapping[str, str]
    levels: int
    limits: Mapping[str, int]
    interval_seconds: int
    base_urls: Mapping[str, tuple[str, ...]]
    table: tuple[str, str | None] | None
    folder: str | None
    retention_days: int
    max_ticks: int | None
    prints_detail: bool

    @property
    def is_full(self) -> bool:
        """True if the full record is printed or stored."""
        return self.prints_detail or self.table is not None or self.folder is not None

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets of the pairs."""
        return tuple(dict.fromkeys(pair.market for pair in self.pairs))

    @classmethod
    def read(cls, flags: Flags, environment: Mapping[str, str]) -> Self:
        """Flags override variables, variables defaults. Raises UsageError, which names the option."""
        options = Options(flags, environment)
        named = read_pairs(options)
        markets = tuple(dict.fromkeys(each.pair.market for each in named))
        settings = cls(
            pairs=tuple(each.pair for each in named),
            hints={each.pair.symbol: each.hint for each in named if each.hint},
            levels=options.value("--levels"),
            limits={},
            interval_seconds=options.value("--interval_seconds"),
            base_urls=_read_base_urls(options, markets),
            table=options.value("--table"),
            folder=options.value("--to"),
            retention_days=options.value("--retention-days"),
            max_ticks=options.value("--count"),
            prints_detail=options.value("--detail"),
        )
        default = max(FULL_LIMIT, settings.levels) if settings.is_full else settings.levels
        settings = settings._replace(
            limits={market: _read_limit(options, MARKETS[market], default) for market in markets}
        )
        for market in markets:
            settings.check_weight(market)
        return settings

    def check_weight(self, market_name: str) -> None:
        """Raise UsageError for more request weight than the exchange allows: it would ban this address."""
        market, limit = MARKETS[market_name], self.limits[market_name]
        count = sum(pair.market == market_name for pair in self.pairs)
        weight = _weight_per_minute(market, count, limit, self.interval_seconds)
        if weight <= market.weight_per_minute:
            return
        advice = " or ".join(self._what_fits(market, count)) or "give fewer pairs"
        raise UsageError(
            f"{count} {market_name} pair(s) every {self.interval_seconds} s, of {limit} levels each, use {weight} of"
            f" request weight a minute, and the exchange allows {market.weight_per_minute}: {advice}"
        )

    def _what_fits(self, market: Market, count: int) -> Iterator[str]:
        """The largest limit and the shortest interval with which these pairs fit."""
        limit = self.limits[market.name]
        for smaller in sorted((top for top, _ in market.weights if self.levels <= top < limit), reverse=True):
            if _weight_per_minute(market, count, smaller, self.interval_seconds) <= market.weight_per_minute:
                yield f"give --limit {smaller}"
                break
        for seconds in range(self.interval_seconds + 1, 61):
            if _weight_per_minute(market, count, limit, seconds) <= market.weight_per_minute:
                yield f"sample every {seconds} s"
                break


def _weight_per_minute(market: Market, count: int, limit: int, interval_seconds: int) -> int:
    """The request weight of the busiest minute."""
    return count * market.request_weight(limit) * ceil(60 / interval_seconds)


def read_pairs(options: Options) -> tuple[NamedPair, ...]:
    """The pairs, each once. Raises UsageError if there is none."""
    quote = parse_quote(options.value("--quote"))
    found: dict[Pair, NamedPair] = {}
    for word in options.value("--symbol"):
        try:
            named = parse_pair(word, quote)
        except UsageError as error:
            raise UsageError(f"{options.name('--symbol')} {error}") from None
        if named.pair not in found or not named.hint:  # of two spellings, keep the one without a hint
            found[named.pair] = named
    if not found:
        raise UsageError("no symbol: give --symbol BTC, or set OBI_SYMBOLS")
    return tuple(found.values())


def _read_limit(options: Options, market: Market, default: int) -> int:
    levels, limit = options.value("--levels"), options.value("--limit")
    for name, number in (("--levels", levels), ("--limit", limit)):
        if number is not None and number > market.max_levels:
            name = options.name(name)
            raise UsageError(f"{name} {number} is more than {market.name} has: at most {market.max_levels}")
    if limit is None:
        return market.request_limit(min(default, market.max_levels))
    if limit < levels:
        raise UsageError(f"{options.name('--limit')} {limit} is less than --levels {levels} needs: leave it out")
    return market.request_limit(limit)


def _read_base_urls(options: Options, markets: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    given = options.value("--base-url")
    for name, url in given:
        if name is not None and name not in MARKETS:
            shown = f"{name}:{url.rpartition('@')[2]}"
            raise UsageError(f"{options.name('--base-url')} {shown} names no market: give one of {', '.join(MARKETS)}")
    urls = {market: tuple(url for name, url in given if name in (None, market)) for market in markets}
    return {market: found or (MARKETS[market].base_url,) for market, found in urls.items()}
