"""Why something keeps failing: logged early and once, not at every attempt."""

import logging
from threading import Lock

from handler.clock import SYSTEM, Clock

REPEAT_SECONDS = 60.0
"""A reason is not logged again within this time, however often its source alternates between failure and success."""
MAX_REASONS = 20
"""Reasons kept per source. No more are logged of a source whose every failure has another reason."""


class FailureLog:
    """Logs a warning for each reason why a source, such as a host, fails, once it has failed for `patience_seconds`.

    After a success of the source the same reason is logged again. A reason should have nothing in it that differs
    between callers (no pair, no time), so that it is logged once for all of them. Threads may share it.
    """

    def __init__(self, log: logging.Logger, clock: Clock = SYSTEM, patience_seconds: float = 0.0) -> None:
        self._log = log
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._lock = Lock()
        self._logged_at: dict[str, dict[str, float]] = {}
        """Source → reason → monotonic clock."""
        self.failing_since: dict[str, float] = {}
        """Failing source → when the first attempt that failed since the last success began."""
        self._succeeded_at: dict[str, float] = {}

    def failed(self, source: str, reason: str, began: float = float("inf")) -> None:
        """Note a failed attempt that began then (monotonic clock), and log the reason unless that was done."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self.failing_since.setdefault(source, min(began, now)) < self._patience_seconds:
                return
            known = {
                text: at for text, at in self._logged_at.get(source, {}).items() if self._is_recent(source, at, now)
            }
            is_new = reason not in known and len(known) < MAX_REASONS
            if is_new:
                known[reason] = now
            self._logged_at[source] = known
        if is_new:
            self._log.warning("%s: %s", source, reason)

    def succeeded(self, source: str) -> None:
        """Note a successful attempt."""
        if source in self.failing_since:
            with self._lock:
                self.failing_since.pop(source, None)
                self._succeeded_at[source] = self._clock.monotonic()

    def _is_recent(self, source: str, logged_at: float, now: float) -> bool:
        """Whether a reason that was logged then need not be logged again now."""
        return self._succeeded_at.get(source, float("-inf")) < logged_at or now < logged_at + REPEAT_SECONDS
