"""Warns of books that are older than they look: served from a cache on the way, or unchanged for a long time."""

import logging
from collections.abc import Mapping
from threading import Lock

MAX_UNCHANGED_SECONDS = 600
"""The book of a pair that is traded changes many times a second, that of a quiet one every few minutes."""

log = logging.getLogger(__name__)


class FreshnessLog:
    """One warning per pair when its books stop being fresh, and again when that happens anew. Threads share it."""

    def __init__(self) -> None:
        self._unchanged_since: dict[str, tuple[int, float]] = {}
        self._logged: set[tuple[str, str]] = set()
        self._lock = Lock()

    def note(
        self, symbol: str, host: str, headers: Mapping[str, str], last_update_id: int | None, now_seconds: float
    ) -> None:
        """Note a book that came with these headers; `now_seconds` is the monotonic clock."""
        with self._lock:
            age = headers.get("Age", "")
            self._warn_once(
                symbol,
                "cached",
                age.isdecimal() and int(age[:9]) > 0,
                f"{symbol}: {host} sent a book from a cache, {age} s old (header Age): its records are not current",
            )
            if last_update_id is None:
                return
            known_id, since = self._unchanged_since.get(symbol, (None, now_seconds))
            if known_id != last_update_id:
                since = now_seconds
                self._unchanged_since[symbol] = last_update_id, since
            unchanged_seconds = now_seconds - since
            self._warn_once(
                symbol,
                "unchanged",
                unchanged_seconds >= MAX_UNCHANGED_SECONDS,
                f"{symbol}: the book of {host} is unchanged for {unchanged_seconds / 60:.0f} minutes (update"
                f" {last_update_id}): trading may be halted, or the host may be stuck",
            )

    def _warn_once(self, symbol: str, kind: str, is_stale: bool, message: str) -> None:
        if not is_stale:
            self._logged.discard((symbol, kind))
        elif (symbol, kind) not in self._logged:
            self._logged.add((symbol, kind))
            log.warning("%s", message)
