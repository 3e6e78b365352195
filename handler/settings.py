"""The sampler's settings, read from flags or variables and validated at start."""

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple, Self

from .errors import UsageError
from .exchange.markets import MARKETS
from .options import Flags, Options
from .pairs import NamedPair, parse_pair, parse_quote
from .record import Pair

FULL_LIMIT = 1000


class Settings(NamedTuple):
    """What to sample, how often, from where, and where to store it; 0 days keeps records for ever.

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
        settings = settings._replace(limits={market: _read_limit(options, market, default) for market in markets})
        for market in markets:
            settings.check_weight(market)
        return settings

    def check_weight(self, market_name: str) -> None:
        """Raise UsageError for more request weight than the exchange allows: it would ban this address."""
        market, limit = MARKETS[market_name], self.limits[market_name]
        count = sum(pair.market == market_name for pair in self.pairs)

        def weight(limit: int, interval_seconds: int) -> int:
            """The request weight of the busiest minute."""
            return count * market.request_weight(limit) * ceil(60 / interval_seconds)

        if weight(limit, self.interval_seconds) <= market.weight_per_minute:
            return
        limits = sorted((top for top, _ in market.weights if self.levels <= top < limit), reverse=True)
        fits = [f"--limit {top}" for top in limits if weight(top, self.interval_seconds) <= market.weight_per_minute][:1]
        intervals = (seconds for seconds in range(self.interval_seconds + 1, 61))
        fits += [f"every {s} s" for s in intervals if weight(limit, s) <= market.weight_per_minute][:1]
        raise UsageError(
            f"{count} {market_name} pair(s) every {self.interval_seconds} s, of {limit} levels each, use"
            f" {weight(limit, self.interval_seconds)} of request weight a minute, and the exchange allows"
            f" {market.weight_per_minute}: {', or '.join(fits) or 'give fewer pairs'}{' would fit' if fits else ''}"
        )


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


def _read_limit(options: Options, market_name: str, default: int) -> int:
    market, levels = MARKETS[market_name], options.value("--levels")
    if levels > market.max_levels:
        raise UsageError(
            f"{options.name('--levels')} {levels} is more than {market_name} has: at most {market.max_levels}"
        )
    limit = options.value("--limit")
    if limit is None:
        return market.request_limit(min(default, market.max_levels))
    if limit < levels:
        raise UsageError(f"{options.name('--limit')} {limit} is less than --levels {levels} needs: leave it out")
    if limit > market.max_levels:
        raise UsageError(f"{options.name('--limit')} {limit} is more than {market_name} has: at most {market.max_levels}")
    return market.request_limit(limit)


def _read_base_urls(options: Options, markets: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    given = options.value("--base-url")
    for name, url in given:
        if name is not None and name not in MARKETS:
            raise UsageError(f"{options.name('--base-url')} {name}:{url.rpartition('@')[2]} names no market: give one of"
                             f" {', '.join(MARKETS)}")
    urls = {market: tuple(url for name, url in given if name in (None, market)) for market in markets}
    return {market: found or (MARKETS[market].base_url,) for market, found in urls.items()}
