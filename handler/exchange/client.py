"""Fetches the depth of one pair over HTTP, from whichever host answers, before a deadline."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from ..book import Book, Snapshot
from ..clock import SYSTEM, Clock, backoff_seconds
from ..errors import BookUnavailable, ExchangeError, RateLimited, RegionUnavailable, RequestRejected
from ..failure_log import FailureLog
from ..record import Pair
from ..slots import format_timestamp
from .answers import Cooldown, Rejected, Retry, cache_age, classify, used_weight
from .freshness import Freshness
from .hosts import MAX_REQUEST_SECONDS, Host, Hosts, RetryBudget
from .markets import Market
from .transport import Transport

PATIENCE_SECONDS = 1.0  # how long a host fails before that is logged: most failures end with a retry
MIN_REQUEST_SECONDS = 0.25  # near the deadline a request has half of the remaining time, which leaves some for a retry
NO_ANSWER = {"timeout": 0, "connection": 1}  # reasons that give way to that of an answer, or to one further on

log = logging.getLogger(__name__)


class Exchange:
    """The order books of one market. Threads share it.

    `hints` (symbol → text) are added to the rejection of a symbol. `freezes`: the process is frozen at times, and its
    monotonic clock may stand still then. `connections` are kept to each host.

        Exchange(MARKETS["spot"]).depth("BTCUSDT", limit=1000, deadline=time.monotonic() + 60)
    """

    def __init__(
        self,
        market: Market,
        base_urls: Sequence[str] = (),
        *,
        hints: Mapping[str, str] = {},
        freezes: bool = False,
        connections: int = 1,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.used_weight: int | None = None  # of this address in this minute, by the last answer that reported it
        self._market = market
        self._url = lru_cache(maxsize=4096)(market.depth_url)
        self._hosts = Hosts(base_urls or (market.base_url,), freezes=freezes, clock=clock, random=random)
        self._transport = Transport(connections, clock)
        self._budget = RetryBudget(market.weight_per_minute, clock)
        self._freshness = Freshness()
        self._failures = FailureLog(log, clock, PATIENCE_SECONDS)
        self._has_succeeded = False
        self._hints = hints
        self._clock = clock
        self._random = random

    def depth(self, symbol: str, limit: int, deadline: float) -> Snapshot:
        """Fetch the top levels of a pair's book before `deadline` (monotonic clock).

        Raises RequestRejected, RegionUnavailable, RateLimited, or BookUnavailable with the reason of the last answer.
        """
        started, weight, retries = self._clock.monotonic(), self._market.request_weight(limit), 0
        self._budget.add_first(weight)
        failure: Retry | None = None
        tried: set[Host] = set()
        while True:
            host = self._hosts.choose(tried)
            if host in tried:  # this call has nowhere else to go
                seconds = backoff_seconds(retries, self._random())
                retries += 1
                tried.clear()
            else:
                seconds = self._hosts.wait_seconds(host, deadline)
            if self._clock.monotonic() + seconds >= deadline:
                raise self._given_up(symbol, host, failure)
            if seconds > 0:
                self._clock.sleep(seconds)
                continue
            result = self._request(host, symbol, limit, started, deadline)
            if isinstance(result, Snapshot):
                return result
            if isinstance(result, Retry):
                failure = max(result, failure or result, key=_rank)
                tried.add(host)
                if result.reason != "connection" and not self._budget.take(weight):
                    raise self._given_up(symbol, host, failure)

    def _request(
        self, host: Host, symbol: str, limit: int, started: float, deadline: float
    ) -> Snapshot | Retry | Cooldown:
        """One request, which ends by the deadline. Raises RequestRejected."""
        sent = self._clock.monotonic()
        remaining = deadline - sent
        seconds = min(remaining, max(remaining / 2, MIN_REQUEST_SECONDS), MAX_REQUEST_SECONDS)
        fetched = self._transport.get(self._url(host.base_url, symbol, limit), seconds)
        received, received_at = self._clock.monotonic(), self._clock.time()
        if isinstance(fetched, Retry):
            return self._failed(host, symbol, fetched, sent)
        answer, line = fetched
        self.used_weight = used_weight(answer.headers) or self.used_weight
        result = classify(answer, symbol, received_at)
        self._transport.release(line, is_right=isinstance(result, Book))
        if isinstance(result, Retry | Cooldown):
            return self._failed(host, symbol, result, sent)
        self._succeeded(host)
        if isinstance(result, Rejected):
            hint = f" ({self._hints[symbol]})" if symbol in self._hints else ""
            raise RequestRejected(f"{self._pair(symbol)}: {host.name} rejects it: {result.text}{hint}")
        if received >= deadline:
            return Retry("answered after the slot was over", "timeout")
        self._freshness.note(self._pair(symbol), host.name, result, limit, answer.headers, received_at)
        return Snapshot(result, host.name, received_at, (received - started) * 1000, cache_age(answer.headers))

    def _succeeded(self, host: Host) -> None:
        self._has_succeeded = True
        self._hosts.succeeded(host)
        if host.name in self._failures.failing_since:
            self._failures.succeeded(host.name)

    def _failed(self, host: Host, symbol: str, result: Retry | Cooldown, sent: float) -> Retry | Cooldown:
        log.debug("%s: %s: %s", symbol, host.name, result.text)
        if isinstance(result, Retry):
            self._failures.failed(host.name, result.text, sent)
            self._hosts.failed(host, symbol, result, sent)
        elif (seconds := self._hosts.cool_down(host, result)) >= PATIENCE_SECONDS and (
            self._has_succeeded or result.reason != "region"  # which ends the run with an error of its own
        ):
            self._failures.failed(host.name, self._until(result, seconds), began=float("-inf"))
        return result

    def _given_up(self, symbol: str, host: Host, failure: Retry | None) -> ExchangeError:
        """The error of a book that did not come, or cannot come any more, before the deadline."""
        pair = self._pair(symbol)
        seconds = self._hosts.cooldown_seconds(host)
        if names := "" if self._has_succeeded else self._hosts.blocked("region"):
            advice = self._market.region_advice
            return RegionUnavailable(f"{pair}: {names}: blocked in this region (HTTP 451); {advice}")
        if seconds and host.cooldown:
            return RateLimited(f"{pair}: {host.name}: {self._until(host.cooldown, seconds)}", host.cooldown.reason)
        text, reason = failure or host.failure or Retry("no time was left", "timeout")
        return BookUnavailable(f"{pair}: no book before its slot was over ({host.name}: {text})", reason)

    def _until(self, cooldown: Cooldown, seconds: float) -> str:
        return f"{cooldown.text}, no request before {format_timestamp(self._clock.time() + seconds)}"

    def _pair(self, symbol: str) -> str:
        return str(Pair(symbol, self._market.name))


def _rank(failure: Retry) -> int:
    return NO_ANSWER.get(failure.reason, len(NO_ANSWER))
