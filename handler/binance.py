"""Where from: the depth of one pair over HTTP, from whichever host answers, before a deadline.

Facts: binance-spot-api-docs, rest-api.md, "Order book" and "IP Limits".
"""

import logging
import random
from collections.abc import Callable, Mapping
from urllib.parse import quote

from handler.answer import Again, Closed, Meaning, No, Rest, meaning
from handler.backoff import backoff_seconds
from handler.book import Book, Snapshot
from handler.clock import SYSTEM, Clock
from handler.errors import NoAnswer, RateLimited, Refused
from handler.hosts import DEFAULT_BASE_URL, Host, Hosts
from handler.transport import NotDelivered, Transport

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
"""The longest that one try may take; near the deadline half of what is left, so that another try has the rest."""
SHORTEST_TRY_SECONDS = 0.25

WEIGHT_PER_MINUTE = 6000
"""Request weight that one IP address may use in a clock minute."""
LARGEST_LIMIT = 5000
"""Levels a side that one request can ask for."""

log = logging.getLogger(__name__)


def request_weight(limit: int) -> int:
    """What a depth request of so many levels counts against WEIGHT_PER_MINUTE."""
    return next(weight for top, weight in ((100, 5), (500, 25), (1000, 50), (LARGEST_LIMIT, 250)) if limit <= top)


class Binance:
    """The spot market's order books. Threads share it: its connections, and what its hosts told it."""

    def __init__(
        self,
        base_urls: tuple[str, ...] = (DEFAULT_BASE_URL,),
        *,
        connections: int = 1,
        clock: Clock = SYSTEM,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.used_weight: int | None = None
        """What the last answer said this address has used of WEIGHT_PER_MINUTE."""
        self._hosts = Hosts(base_urls)
        self._transport = Transport(connections)
        self._clock = clock
        self._chance = chance

    def depth(self, symbol: str, limit: int, deadline: float) -> Snapshot:
        """Fetch the top `limit` levels of a pair's book before `deadline`, a moment of the monotonic clock.

        Raises Refused, RegionClosed, or NoAnswer (RateLimited among them) with the last failure's reason.
        """
        failed: dict[Host, str] = {}
        rounds = 0
        while True:
            host = self._hosts.current(self._clock.monotonic())
            # a host that failed is current again only when every other that is open has failed too
            pause = backoff_seconds(rounds, self._chance()) if host in failed else 0.0
            if self._wait(symbol, host, pause, failed.get(host), deadline):
                failed, rounds = {}, rounds + bool(pause)
                continue
            answer = self._ask(host, symbol, limit, deadline)
            if isinstance(answer, Snapshot):
                return answer
            if isinstance(answer, Again):
                failed[host] = answer.reason
            self._heed(symbol, host, answer)

    def _heed(self, symbol: str, host: Host, answer: Meaning) -> None:
        """Do what an answer that is no book asks for, before the next try. Raises Refused."""
        match answer:
            case No(words):
                raise Refused(f"{symbol}: {host.name} refuses it: {words}")
            case Rest(seconds, reason, banned):
                host.rest(self._clock.monotonic() + seconds, reason, banned=banned)
            case Closed():
                host.closed = True
            case Again(reason):
                log.debug("%s: %s %s", symbol, host.name, reason)
                self._hosts.pass_over(host, self._clock.monotonic())

    def _wait(self, symbol: str, host: Host, pause: float, failure: str | None, deadline: float) -> bool:
        """Sleep for a pause or for the host's rest, whichever is longer; False where there is nothing to wait for."""
        now = self._clock.monotonic()
        rest = host.rests_until - now
        if now + max(pause, rest, 0) >= deadline:
            if rest > pause:
                raise RateLimited(f"{symbol}: {host.name}: {host.rest_reason}, no request for another {rest:.0f} s")
            reason = f"{host.name}: {failure}" if failure else "no time was left"
            raise NoAnswer(f"{symbol}: no book before its slot was over ({reason})")
        if max(pause, rest) <= 0:
            return False
        self._clock.sleep(max(pause, rest))
        return True

    def _ask(self, host: Host, symbol: str, limit: int, deadline: float) -> Snapshot | Meaning:
        """One try, which ends by the deadline. A kept connection that the host had closed does not count as one."""
        url = f"{host.base_url}/api/v3/depth?symbol={quote(symbol, safe='')}&limit={limit}"
        while (left := deadline - (sent := self._clock.monotonic())) > 0:
            share = min(left, max(left / 2, SHORTEST_TRY_SECONDS))
            try:
                answer = self._transport.get(url, min(share, CONNECT_SECONDS), min(share, READ_SECONDS))
            except NotDelivered as error:
                if error.stale:
                    continue
                return Again(str(error))
            received, received_at = self._clock.monotonic(), self._clock.time()
            self._note_weight(answer.headers)
            found = meaning(*answer, now=received_at)
            if not isinstance(found, Book):
                return found  # also when it is late: a ban holds
            if received >= deadline:
                return Again("answered after the slot was over")
            return Snapshot(found, host.name, received_at, (received - sent) * 1000)
        return Again("was slower than the slot")

    def _note_weight(self, headers: Mapping[str, str]) -> None:
        weight = headers.get("x-mbx-used-weight-1m", "")
        if weight.isdecimal() and len(weight) < 10:
            self.used_weight = int(weight)
