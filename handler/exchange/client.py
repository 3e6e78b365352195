"""Fetches the depth of one pair over HTTP, from whichever host answers, before a deadline."""

import logging
import random
from collections.abc import Callable, Sequence

from ..book import Book, Snapshot
from ..clock import SYSTEM, Clock, backoff_seconds
from ..errors import BookUnavailable, ExchangeError, RateLimited, RegionUnavailable, RequestRejected
from ..messages import Episodes
from ..record import Pair
from ..slots import format_timestamp
from .answers import Failure, classify, header_number, oddities
from .hosts import MAX_REQUEST_SECONDS, Host, Hosts
from .markets import Market
from .transport import Transport

LOG_FAILURE_AFTER_SECONDS = 1.0  # how long a request fails before that is logged: most failures end with a retry
MIN_REQUEST_SECONDS = 0.25  # a request has half of the remaining time, so that a retry is possible, but at least this
MAX_UNCHANGED_MINUTES = 10.0  # an active pair's book changes many times a second, a quiet one's every few minutes
NO_ANSWER = ("timeout", "connection")  # these reasons do not replace the reason of an earlier answer
HOST_TROUBLE = ("clock", "cached")  # kinds that are logged once for a host, not for each of its pairs

log = logging.getLogger(__name__)


class BinanceClient:
    """The order books of one market. Threads share it.

    `hint` is added to the rejection of a symbol that never had a book. `may_freeze`: the process is frozen at times, as
    in Lambda, where the monotonic clock may stand still then, and nobody sets the wall clock.
    """

    def __init__(
        self,
        market: Market,
        base_urls: Sequence[str] = (),
        *,
        hint: str = "",
        may_freeze: bool = False,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._market = market
        now = clock.time if may_freeze else clock.monotonic
        self._hosts = Hosts(base_urls or (market.base_url,), market.weight_per_minute, now, random)
        self._transport = Transport(clock)
        self._episodes = Episodes(clock)
        self._update_ids: dict[str, tuple[int, float]] = {}  # symbol → the last one, and since when
        self._used_weight = (0, 0)  # minute, and the weight by the last answer in it
        self._has_succeeded = False
        self._hint = hint
        self._clock = clock
        self._random = random

    @property
    def used_weight(self) -> int | None:
        """Request weight of this address in this minute; None if no answer of this minute reported it."""
        minute, weight = self._used_weight
        return weight if minute == self._minute() else None

    def depth(self, symbol: str, limit: int, deadline: float) -> Snapshot:
        """Fetch the top levels of a pair's book before `deadline` (monotonic clock).

        Raises RequestRejected, RegionUnavailable, RateLimited, or BookUnavailable with the reason of the last answer.
        """
        pair, weight = Pair(symbol, self._market.name), self._market.request_weight(limit)
        started = self._clock.monotonic()
        self._hosts.take_weight(weight, self._minute(), is_retry=False)
        failure: Failure | None = None
        failures, pause = 0, 0.0
        while (now := self._clock.monotonic()) < deadline:
            host = self._hosts.choose()
            seconds = pause or self._hosts.admit(host)
            if now + seconds >= deadline:
                break
            if seconds > 0:
                self._clock.sleep(seconds)
                pause = 0.0
                continue
            result = self._request(host, pair, limit, started, deadline)
            if isinstance(result, Snapshot):
                return result
            if not result.seconds:
                if failure is None or result.reason not in NO_ANSWER:
                    failure = result
                failures += 1
                rounds, failed_in_round = divmod(failures, len(self._hosts.all))
                # within a round the next host is tried at once
                pause = 0.0 if failed_in_round else backoff_seconds(rounds - 1, self._random())
                needs_weight = result.reason != "connection"
                if needs_weight and not self._hosts.take_weight(weight, self._minute(), is_retry=True):
                    break
        raise self._given_up(pair, failure)

    def end_overdue(self) -> None:
        """End the requests of other threads that take longer than their time."""
        self._transport.end_overdue()

    def _request(self, host: Host, pair: Pair, limit: int, started: float, deadline: float) -> Snapshot | Failure:
        """Send one request, which ends by the deadline. Raises RequestRejected."""
        remaining = deadline - self._clock.monotonic()
        seconds = min(remaining, max(remaining / 2, MIN_REQUEST_SECONDS), MAX_REQUEST_SECONDS)
        fetched = self._transport.get(self._market.depth_url(host.base_url, pair.symbol, limit), seconds)
        received, received_at = self._clock.monotonic(), self._clock.time()
        if isinstance(fetched, Failure):
            return self._failed(host, pair, fetched, started)
        answer, connection = fetched
        result = classify(answer, pair.symbol, received_at)
        self._transport.release(connection, is_right=isinstance(result, Book))
        if (weight := header_number(answer.headers, "x-mbx-used-weight-1m")) is not None:
            self._used_weight = int(received_at // 60), weight
        if isinstance(result, Failure) and result.reason != "rejected":
            return self._failed(host, pair, result, started)
        self._has_succeeded = True
        self._hosts.succeeded(host)
        if isinstance(result, Failure):
            is_delisted = pair.symbol in self._update_ids
            hint = f" ({self._hint})" if self._hint and not is_delisted else ""
            raise RequestRejected(f"{pair}: {host.name} rejects it: {result.text}{hint}")
        odd = oddities(result, limit, answer.headers, received_at) | self._odd_update(pair.symbol, result, received_at)
        for kind, text in odd.items():
            if self._episodes.is_new(kind, host.name if kind in HOST_TROUBLE else pair):
                log.warning("%s: the book of %s %s", host.name, pair, text)
        age = header_number(answer.headers, "age")
        return Snapshot(result, host.name, received_at, (received - started) * 1000, age)

    def _odd_update(self, symbol: str, book: Book, now: float) -> dict[str, str]:
        """Note the book's update id; returns what is odd about it."""
        update_id = book.last_update_id or 0
        last, since = self._update_ids.get(symbol, (0, now))
        if update_id and update_id != last:
            self._update_ids[symbol] = update_id, now
        if 0 < update_id < last:
            return {"back": f"went back from update {last} to {update_id}: an old one was sent"}
        if 0 < update_id == last and (minutes := (now - since) / 60) >= MAX_UNCHANGED_MINUTES:
            return {"stuck": f"did not rise above update {last} for {minutes:.0f} minutes: trading may be halted"}
        return {}

    def _failed(self, host: Host, pair: Pair, failure: Failure, started: float) -> Failure:
        """Note and log a failure; returns it with the name of the host."""
        failure = failure._replace(text=f"{host.name}: {failure.text}")
        self._hosts.failed(host, pair.symbol, failure)
        is_long = max(failure.seconds, self._clock.monotonic() - started) >= LOG_FAILURE_AFTER_SECONDS
        is_final = failure.reason == "region" and not self._has_succeeded  # which is an error of its own
        kind = "cooldown" if failure.seconds else "failing"
        seconds = self._hosts.wait_seconds(host) if failure.seconds else 0.0
        if is_long and not is_final and self._episodes.is_new(kind, host.name, seconds=seconds):
            log.warning("%s", self._until(host, failure) if seconds else failure.text)
        return failure

    def _given_up(self, pair: Pair, failure: Failure | None) -> ExchangeError:
        """Return the error of a book that did not come, or cannot come any more, before the deadline."""
        host = self._hosts.choose()
        cause = host.failure
        is_blocked = all(each.failure and each.failure.reason == "region" for each in self._hosts.all)
        if is_blocked and not self._has_succeeded:
            names, advice = ", ".join(each.name for each in self._hosts.all), self._market.region_advice
            return RegionUnavailable(f"{pair}: {names}: blocked in this region (HTTP 451); {advice}")
        if cause and cause.seconds and self._hosts.wait_seconds(host):
            return RateLimited(f"{pair}: {self._until(host, cause)}", cause.reason)
        failure = failure or cause or Failure(f"{host.name}: no time was left", "timeout")
        return BookUnavailable(f"{pair}: no book before its slot was over ({failure.text})", failure.reason)

    def _until(self, host: Host, failure: Failure) -> str:
        end = format_timestamp(self._clock.time() + self._hosts.wait_seconds(host))
        return f"{failure.text}, no request before {end}"

    def _minute(self) -> int:
        return int(self._clock.time() // 60)  # weight is counted per minute of the clock
