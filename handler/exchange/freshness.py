"""Warnings about books that are not what they seem: once per episode. They are recorded all the same."""

import logging
from collections.abc import Mapping
from functools import partial
from threading import Lock
from typing import Any

from ..book import Book
from .answers import cache_age, http_date

MAX_SKEW_SECONDS = 10.0
MAX_UNCHANGED_MINUTES = 10.0  # an active pair's book changes many times a second, a quiet one's every few minutes

_SKEWED = "arrived %.0f s %s the host sent it, by its clock: this machine's clock is wrong, or the book is old"
_BACK = "went back from update %d to %d: an old one was sent"
_STUCK = "did not rise above update %d for %.0f minutes: trading may be halted, or the host may be stuck"

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
        late = arrived_at - sent_at
        best = [side.prices[0] for side in (book.bids, book.asks) if side.prices]
        with self._lock:
            warn = partial(self._warn, pair, f"{host}: the book of {pair}")
            warn("age", host, age > 0, "comes from a cache, %d s old", age)
            warn("clock", host, abs(late) > MAX_SKEW_SECONDS, _SKEWED, abs(late), "after" if late > 0 else "before")
            warn("crossed", pair, len(best) == 2 and best[0] >= best[1], "is crossed: best bid not below best ask")
            warn("capped", pair, book.is_capped(limit), "is cut off at %d of %d levels a side", book.bids.came, limit)
            if (update_id := book.last_update_id) is not None:
                highest, since = self._rises.get(pair, (update_id - 1, arrived_at))
                if update_id > highest:
                    self._rises[pair] = update_id, arrived_at
                minutes = (arrived_at - since) / 60
                warn("back", pair, None if update_id == highest else update_id < highest, _BACK, highest, update_id)
                warn("stuck", pair, update_id <= highest and minutes >= MAX_UNCHANGED_MINUTES, _STUCK, highest, minutes)

    def _warn(
        self, pair: str, subject: str, kind: str, scope: str, is_wrong: bool | None, text: str, *args: Any
    ) -> None:
        """Log where an episode begins. It ends when no pair is concerned any more; None changes nothing."""
        pairs = self._episodes.get((kind, scope))
        if is_wrong:
            if not pairs:
                log.warning("%s %s", subject, text % args)
            self._episodes.setdefault((kind, scope), set()).add(pair)
        elif is_wrong is False and pairs:
            pairs.discard(pair)
