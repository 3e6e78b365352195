"""The sampler's settings, read from flags or variables and validated at start."""

from argparse import Namespace
from collections.abc import Mapping
from math import ceil
from typing import NamedTuple, Self

from .errors import UsageError
from .exchange.markets import MARKETS, Market
from .pairs import parse_pair
from .record import Pair

FULL_LIMIT = 1000
HINT = "another quote asset than {} is written with a slash, such as BTC/USDC"
FLAGS = (
    *("--symbol", "--levels", "--limit", "--interval_seconds", "--count", "--quote", "--detail", "--base-url"),
    *("--to", "--table", "--retention-days"),
)


class Settings(NamedTuple):
    """The settings of a sampler. Records are kept for `retention_days`; 0: for ever.

    `limits` and `base_urls` are by market: how many levels to request, and the hosts to request from. `is_full` is
    True if the full record is printed or stored.
    """

    pairs: tuple[Pair, ...]
    hint: str  # for a pair that the exchange rejects
    levels: int
    limits: Mapping[str, int]
    interval_seconds: int
    base_urls: Mapping[str, tuple[str, ...]]
    table: tuple[str, str | None] | None
    folder: str | None
    retention_days: int
    max_slots: int | None
    prints_detail: bool
    is_full: bool

    @classmethod
    def read(cls, flags: Namespace) -> Self:
        """Check the values of FLAGS, as `options.parse` returns them. Raises UsageError."""
        pairs = tuple(dict.fromkeys(parse_pair(word, flags.quote) for word in flags.symbol))
        if not pairs:
            raise UsageError("no symbol: give --symbol BTC, or set OBI_SYMBOLS")
        is_full = flags.detail or flags.to is not None or flags.table is not None
        limits, base_urls = {}, {}
        for market in [MARKETS[name] for name in dict.fromkeys(pair.market for pair in pairs)]:
            limits[market.name] = _request_limit(market, flags.levels, flags.limit, is_full=is_full)
            urls = tuple(url for name, url in flags.base_url if name in (None, market.name))
            base_urls[market.name] = urls or (market.base_url,)
            count = sum(pair.market == market.name for pair in pairs)
            _check_weight(market, count, flags.levels, limits[market.name], flags.interval_seconds)
        return cls(
            pairs=pairs,
            hint=HINT.format(flags.quote),
            levels=flags.levels,
            limits=limits,
            interval_seconds=flags.interval_seconds,
            base_urls=base_urls,
            table=flags.table,
            folder=flags.to,
            retention_days=flags.retention_days,
            max_slots=flags.count,
            prints_detail=flags.detail,
            is_full=is_full,
        )


def _request_limit(market: Market, levels: int, limit: int | None, *, is_full: bool) -> int:
    if max(levels, limit or 0) > market.max_levels:
        raise UsageError(
            f"{max(levels, limit or 0)} levels are more than {market.name} has: at most {market.max_levels}"
        )
    if limit is None:
        return market.request_limit(max(FULL_LIMIT, levels) if is_full else levels)
    if limit < levels:
        raise UsageError(f"--limit {limit} is less than --levels {levels} needs: leave it out")
    return market.request_limit(limit)


def _check_weight(market: Market, count: int, levels: int, limit: int, interval_seconds: int) -> None:
    """Raise UsageError for more request weight than the exchange allows: it would ban this address."""

    def weight(limit: int, interval_seconds: int) -> int:
        return count * market.request_weight(limit) * ceil(60 / interval_seconds)  # of the busiest minute

    used, allowed = weight(limit, interval_seconds), market.weight_per_minute
    if used <= allowed:
        return
    limits = [top for top, _ in market.weights if levels <= top < limit and weight(top, interval_seconds) <= allowed]
    intervals = [seconds for seconds in range(interval_seconds + 1, 61) if weight(limit, seconds) <= allowed]
    advice = [f"give --limit {limits[-1]}"] if limits else []
    advice += [f"sample every {intervals[0]} s"] if intervals else []
    raise UsageError(
        f"{count} {market.name} pair(s) every {interval_seconds} s, of {limit} levels each, use {used} of request"
        f" weight a minute, and the exchange allows {allowed}: {' or '.join(advice) or 'give fewer pairs'}"
    )
