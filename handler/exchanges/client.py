"""Fetches the depth of one pair over HTTP, from whichever host responds, before a deadline."""

import logging
import random
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock

from handler.book import Book, Snapshot
from handler.clock import SYSTEM, Clock, backoff_seconds
from handler.errors import BookUnavailable, RateLimited, RequestFailed, RequestRejected
from handler.exchanges.hosts import Host, Hosts
from handler.exchanges.http import HttpClient
from handler.exchanges.market import Market
from handler.exchanges.responses import NoBook, RegionBlocked, Rejected, Retry, RetryAfter
from handler.failure_log import FailureLog

PATIENCE_SECONDS = 1.0
"""How long a host fails before that is logged: most failures end with a retry."""
MAX_REQUEST_SECONDS = 10.0
MIN_REQUEST_SECONDS = 0.25
"""Near the deadline, a request has half of the remaining time, which leaves room for a retry."""

MAX_UNCHANGED_SECONDS = 600
"""The book of an active pair changes many times a second, that of a quiet one every few minutes."""

_CACHED = "%s: %s sent a book from a cache, %s s old (header Age): its records are not current"
_UNCHANGED = (
    "%s: the book of %s has not changed for %.0f minutes (update %d): trading may be halted, or the host may be stuck"
)

log = logging.getLogger(__name__)


class DepthClient:
    """The order books of one market. Threads share it.

    `hints` are added to the rejection of a symbol. `freezes`: the process is frozen at times, and its monotonic clock
    may stand still then, but nobody sets its wall clock.
    """

    def __init__(
        self,
        market: Market,
        base_urls: tuple[str, ...],
        *,
        connections: int = 1,
        hints: Mapping[str, str] | None = None,
        freezes: bool = False,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.used_weight: int | None = None
        """Request weight that our address has used this minute, by the last response that reported it."""
        self._market = market
        self._depth_url = cache(market.depth_url)
        self._hosts = Hosts(base_urls, market.REGION_ADVICE)
        self._http = HttpClient(connections)
        self._hints = hints or {}
        self._freezes = freezes
        self._freshness = FreshnessLog()
        self._failures = FailureLog(log, clock, PATIENCE_SECONDS)
        self._clock = clock
        self._random = random

    def depth(self, symbol: str, limit: int, deadline: float) -> Snapshot:
        """Fetch the top levels of a pair's book, so many of each side, before `deadline` (monotonic clock).

        Raises RequestRejected, RegionUnavailable, RateLimited, or BookUnavailable with the reason of the last failure.
        """
        failures: dict[Host, str] = {}
        retries = 0
        while True:
            now = self._clock.monotonic()
            host = self._hosts.current
            if host.is_blocked or now < host.cooldown_until:
                self._correct_cooldowns(now)
                host = self._hosts.choose(now)
            if now < host.cooldown_until:
                self._wait_for_cooldown(symbol, host, now, deadline)
            elif host in failures:  # this call already tried it, and has nowhere else to go
                pause = backoff_seconds(retries, self._random())
                if now + pause >= deadline:
                    raise BookUnavailable(f"{symbol}: no book before its slot was over ({host.name}: {failures[host]})")
                self._clock.sleep(pause)
                failures.clear()
                retries += 1
            else:
                response = self._request(host, symbol, limit, deadline)
                if isinstance(response, Snapshot):
                    return response
                if isinstance(response, Retry):
                    failures[host] = response.reason
                self._handle_failure(symbol, host, response, began=now)

    def _handle_failure(self, symbol: str, host: Host, response: NoBook, began: float) -> None:
        """Handle a response without a book to a request sent at `began`. Raises RequestRejected."""
        now = self._clock.monotonic()
        match response:
            case Rejected(reason):
                hint = f" ({self._hints[symbol]})" if symbol in self._hints else ""
                raise RequestRejected(f"{symbol}: {host.name} rejects it: {reason}{hint}")
            case RetryAfter(seconds, reason, is_banned):
                until_wall = self._clock.time() + seconds
                self._hosts.cool_down(host, now + seconds, until_wall, reason, is_banned=is_banned)
            case RegionBlocked():
                self._hosts.block(host)
            case Retry(reason):
                log.debug("%s: %s: %s", symbol, host.name, reason)
                self._failures.failed(host.name, reason, began)
                self._correct_cooldowns(now)
                self._hosts.fail_over(host, now)

    def _correct_cooldowns(self, now: float) -> None:
        if self._freezes:
            self._hosts.correct_cooldowns(now, self._clock.time())

    def _wait_for_cooldown(self, symbol: str, host: Host, now: float, deadline: float) -> None:
        seconds = host.cooldown_until - now
        if host.cooldown_until >= deadline:
            raise RateLimited(f"{symbol}: {host.name}: {host.cooldown_reason}, no request for another {seconds:.0f} s")
        if seconds >= PATIENCE_SECONDS:
            self._failures.failed(host.name, host.cooldown_reason, began=float("-inf"))
        self._clock.sleep(seconds)

    def _request(self, host: Host, symbol: str, limit: int, deadline: float) -> Snapshot | NoBook:
        """One request, which ends by the deadline; sent again at once if the host had closed a kept connection."""
        url = self._depth_url(host.base_url, symbol, limit)
        while (remaining := deadline - (sent := self._clock.monotonic())) > 0:
            seconds = min(remaining, max(remaining / 2, MIN_REQUEST_SECONDS), MAX_REQUEST_SECONDS)
            try:
                response = self._http.get(url, seconds)
            except RequestFailed as error:
                if error.is_stale:
                    continue
                return Retry(str(error))
            received, received_at = self._clock.monotonic(), self._clock.time()
            self.used_weight = self._market.used_weight(response.headers) or self.used_weight
            book = self._market.classify_response(*response, now=received_at)
            if not isinstance(book, Book):
                return book  # even if it is late: a ban holds
            if received >= deadline:
                return Retry("answered after the slot was over")
            self._freshness.note(symbol, host.name, response.headers, book.last_update_id, received)
            if host.name in self._failures.failing_since:
                self._failures.succeeded(host.name)
            return Snapshot(book, host.name, received_at, (received - sent) * 1000)
        return Retry("no time was left")


class FreshnessLog:
    """Warns once per pair of books that are older than they look, and again if it recurs. Threads share it.

    They come from a cache on the way, or have not changed for a long time.
    """

    def __init__(self) -> None:
        self._unchanged_since: dict[str, tuple[int, float]] = {}
        self._logged: set[tuple[str, str]] = set()
        self._lock = Lock()

    def note(
        self, symbol: str, host: str, headers: Mapping[str, str], last_update_id: int | None, now_seconds: float
    ) -> None:
        """Note a book that came with these headers; `now_seconds` is the monotonic clock."""
        age = headers.get("age", "")
        with self._lock:
            self._warn_once(age.isdecimal() and int(age[:9]) > 0, _CACHED, symbol, host, age)
            if last_update_id is None:
                return
            known_id, since = self._unchanged_since.get(symbol, (None, now_seconds))
            if known_id != last_update_id:
                since = now_seconds
                self._unchanged_since[symbol] = last_update_id, since
            seconds = now_seconds - since
            self._warn_once(seconds >= MAX_UNCHANGED_SECONDS, _UNCHANGED, symbol, host, seconds / 60, last_update_id)

    def _warn_once(self, should_warn: bool, message: str, symbol: str, *details: object) -> None:
        key = (symbol, message)
        if not should_warn:
            self._logged.discard(key)
        elif key not in self._logged:
            self._logged.add(key)
            log.warning(message, symbol, *details)
