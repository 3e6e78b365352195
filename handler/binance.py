"""Where from: the depth of one pair over HTTP, from whichever host answers, before a deadline.

Facts: binance-spot-api-docs, rest-api.md, "Order book" and "IP Limits".
"""

import logging
import random
from collections.abc import Callable, Mapping
from urllib.parse import quote

from handler.answer import NoBook, RegionBlocked, Rejected, Retry, RetryAfter, classify_response
from handler.backoff import backoff_seconds
from handler.book import Book, Snapshot
from handler.clock import SYSTEM, Clock
from handler.errors import NoAnswer, RateLimited, Refused
from handler.failure_log import FailureLog
from handler.freshness import FreshnessLog
from handler.hosts import DEFAULT_BASE_URL, Host, Hosts
from handler.transport import NotDelivered, Transport

PATIENCE_SECONDS = 1.0
"""How long a host fails before that is logged: most failures are over after a retry."""
MAX_TRY_SECONDS = 10.0
MIN_TRY_SECONDS = 0.25
"""Near the deadline, a try has half of the remaining time, which leaves room for a retry."""

WEIGHT_PER_MINUTE = 6000
"""Request weight that one IP address may use in a clock minute."""
LARGEST_LIMIT = 5000
"""Levels a side that one request can ask for."""

log = logging.getLogger(__name__)


def request_weight(limit: int) -> int:
    """What a depth request of so many levels counts against WEIGHT_PER_MINUTE."""
    return next(weight for top, weight in ((100, 5), (500, 25), (1000, 50), (LARGEST_LIMIT, 250)) if limit <= top)


class Binance:
    """The spot market's order books. Threads share it: its connections, and what its hosts answered."""

    def __init__(
        self,
        base_urls: tuple[str, ...] = (DEFAULT_BASE_URL,),
        *,
        connections: int = 1,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.used_weight: int | None = None
        """How much of WEIGHT_PER_MINUTE this address has used, as the last response says."""
        self._hosts = Hosts(base_urls)
        self._transport = Transport(connections)
        self._freshness = FreshnessLog()
        self._failures = FailureLog(log, clock, PATIENCE_SECONDS)
        self._clock = clock
        self._random = random

    def depth(self, symbol: str, limit: int, deadline: float) -> Snapshot:
        """Fetch the top `limit` levels of a pair's book before `deadline` (monotonic clock).

        Raises Refused, RegionClosed, or NoAnswer (RateLimited among them) with the reason of the last failure.
        """
        failures: dict[Host, str] = {}
        retries = 0
        while True:
            now = self._clock.monotonic()
            host = self._hosts.current(now)
            if now < host.cooldown_until:
                self._wait_for_cooldown(symbol, host, deadline)
            elif host in failures:  # and so has every other host that may be requested from
                pause = backoff_seconds(retries, self._random())
                if now + pause >= deadline:
                    raise NoAnswer(f"{symbol}: no book before its slot was over ({host.name}: {failures[host]})")
                self._clock.sleep(pause)
                failures.clear()
                retries += 1
            else:
                response = self._request(host, symbol, limit, deadline)
                if isinstance(response, Snapshot):
                    self._failures.succeeded(host.name)
                    return response
                if isinstance(response, Retry):
                    failures[host] = response.reason
                    self._failures.failed(host.name, response.reason, began=now)
                self._react(symbol, host, response)

    def _react(self, symbol: str, host: Host, response: NoBook) -> None:
        """Do what a response without a book asks for. Raises Refused."""
        now = self._clock.monotonic()
        match response:
            case Rejected(reason):
                raise Refused(f"{symbol}: {host.name} rejects it: {reason}")
            case RetryAfter(seconds, reason, is_banned):
                self._hosts.cool_down(host, now + seconds, reason, is_banned=is_banned)
            case RegionBlocked():
                self._hosts.block(host)
            case Retry(reason):
                log.debug("%s: %s: %s", symbol, host.name, reason)
                self._hosts.fail_over(host, now)

    def _wait_for_cooldown(self, symbol: str, host: Host, deadline: float) -> None:
        seconds = host.cooldown_until - self._clock.monotonic()
        if host.cooldown_until >= deadline:
            raise RateLimited(f"{symbol}: {host.name}: {host.cooldown_reason}, no request for another {seconds:.0f} s")
        if seconds >= PATIENCE_SECONDS:
            self._failures.failed(host.name, host.cooldown_reason, began=float("-inf"))
        self._clock.sleep(seconds)

    def _request(self, host: Host, symbol: str, limit: int, deadline: float) -> Snapshot | NoBook:
        """One try, which ends by the deadline. A kept connection that the host had closed does not count as one."""
        url = f"{host.base_url}/api/v3/depth?symbol={quote(symbol, safe='')}&limit={limit}"
        while (remaining := deadline - (sent := self._clock.monotonic())) > 0:
            seconds = min(remaining, max(remaining / 2, MIN_TRY_SECONDS), MAX_TRY_SECONDS)
            try:
                response = self._transport.get(url, seconds)
            except NotDelivered as error:
                if error.stale:
                    continue
                return Retry(str(error))
            received, received_at = self._clock.monotonic(), self._clock.time()
            self._note_weight(response.headers)
            book = classify_response(*response, now=received_at)
            if not isinstance(book, Book):
                return book  # also when it is late: a ban holds
            if received >= deadline:
                return Retry("answered after the slot was over")
            self._freshness.note(symbol, host.name, response.headers, book.last_update_id, received)
            return Snapshot(book, host.name, received_at, (received - sent) * 1000)
        return Retry("no time was left")

    def _note_weight(self, headers: Mapping[str, str]) -> None:
        weight = headers.get("x-mbx-used-weight-1m", "")
        if weight.isdecimal() and len(weight) < 10:
            self.used_weight = int(weight)
