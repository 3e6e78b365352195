"""Warnings that are logged once per episode, however many callers meet the same trouble again and again."""

import logging
from threading import Lock

from ..clock import Clock

REPEAT_SECONDS = 600.0  # what comes and goes is logged again after this time at the earliest

log = logging.getLogger(__name__)


class Episodes:
    """Logs a warning when a kind of trouble begins at a host or of a pair, and again only when it was over.

    Threads share it.

        episodes.note("crossed", "BTCUSDT", "the book is crossed")  # logged
        episodes.note("crossed", "BTCUSDT", "the book is crossed")  # not logged
        episodes.note("crossed", "BTCUSDT")  # over
    """

    def __init__(self, clock: Clock) -> None:
        self.current: set[tuple[str, str]] = set()  # (kind, scope)
        self._clock = clock
        self._logged_at: dict[tuple[str, str], float] = {}  # monotonic clock
        self._lock = Lock()

    def note(self, kind: str, scope: str, text: str = "") -> None:
        """Note trouble, or with an empty text that there is none."""
        key = kind, scope
        with self._lock:
            now, logged_at = self._clock.monotonic(), self._logged_at.get(key, float("-inf"))
            if not text:
                self.current.discard(key)
            elif key not in self.current and now >= logged_at + REPEAT_SECONDS:
                self.current.add(key)
                self._logged_at[key] = now
                log.warning("%s", text)
