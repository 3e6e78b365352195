"""Warnings about books that are not what they seem: once per episode. They are recorded all the same."""

import logging
from collections.abc import Mapping
from functools import partial
from threading import Lock

from ..book import Book
from .answers import cache_age, http_date

MAX_SKEW_SECONDS = 10.0
MAX_UNCHANGED_MINUTES = 10.0  # an active pair's book changes many times a second, a quiet one's every few minutes

_SKEWED = "arrived {:.0f} s {} the host sent it, by its clock: this machine's clock is wrong, or the book is old"
_BACK = "went back from update {} to {}: an old one was sent"
_STUCK = "did not rise above update {} for {:.0f} minutes: trading may be halted, or the host may be stuck"

log = logging.getLogger(__name__)


class Freshness:
    """Watches the books of one market. Threads share it."""

    def __init__(self) -> None:
        self._rises: dict[str, tuple[int, float]] = {}  # pair → highest update id, since when
        self._episodes: dict[tuple[str, str], set[str]] = {}  # (kind, host or pair) → the pairs concerned
        self._lock = Lock()

    def note(self, pair: str, host: str, book: Book, limit: int, headers: Mapping[str, str], arrived_at: float) -> None:
        """Note a book that arrived then (wall clock)."""
        age, sent_at = cache_age(headers) or 0, http_date(headers.get("date", ""))
        if sent_at is None:
            sent_at = arrived_at if book.exchange_time_ms is None else book.exchange_time_ms / 1000
        late, sent = arrived_at - sent_at, "after" if arrived_at > sent_at else "before"
        bids, asks, came = book.bids.prices, book.asks.prices, book.bids.came
        warn = partial(self._warn, pair, host)
        with self._lock:
            warn("age", host, age > 0, "comes from a cache, {} s old", age)
            warn("clock", host, abs(late) > MAX_SKEW_SECONDS, _SKEWED, abs(late), sent)
            warn("crossed", pair, bool(bids and asks and bids[0] >= asks[0]), "is crossed: best bid not below best ask")
            warn("capped", pair, book.is_capped(limit), "is cut off at {} of {} levels a side", came, limit)
            if (update_id := book.last_update_id) is not None:
                highest, since = self._rises.get(pair, (update_id - 1, arrived_at))
                minutes = (arrived_at - since) / 60
                if update_id > highest:
                    self._rises[pair] = update_id, arrived_at
                if update_id != highest:
                    warn("back", pair, update_id < highest, _BACK, highest, update_id)
                warn("stuck", pair, update_id <= highest and minutes >= MAX_UNCHANGED_MINUTES, _STUCK, highest, minutes)

    def _warn(self, pair: str, host: str, kind: str, scope: str, is_wrong: bool, text: str, *values: object) -> None:
        """Log where an episode begins; it ends when no pair is concerned any more."""
        if not is_wrong and not self._episodes:
            return
        pairs = self._episodes.get((kind, scope), set())
        if not is_wrong:
            pairs.discard(pair)
        elif pairs:
            pairs.add(pair)
        else:
            self._episodes[kind, scope] = {pair}
            log.warning("%s: the book of %s %s", host, pair, text.format(*values))
