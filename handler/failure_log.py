"""Why something keeps failing: logged early and once, not at every attempt."""

import logging
from threading import Lock

from .clock import SYSTEM, Clock

REPEAT_SECONDS = 60.0  # a reason is not logged again within this time, however often its source fails and succeeds
MAX_REASONS = 20  # kept per source; no more are logged of one whose every failure has another reason


class FailureLog:
    """Logs a warning for each reason why a source, such as a host, fails, once it has failed for `patience_seconds`.

    After a success of the source the same reason is logged again. A reason should not differ between callers (no pair),
    so that it is logged once for all of them. Threads share it.
    """

    def __init__(self, log: logging.Logger, clock: Clock = SYSTEM, patience_seconds: float = 0.0) -> None:
        self._log = log
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._lock = Lock()
        self._logged_at: dict[str, dict[str, float]] = {}  # source → reason → monotonic clock
        self.failing_since: dict[str, float] = {}  # source → start of the first attempt that failed since it succeeded
        self._succeeded_at: dict[str, float] = {}

    def failed(self, source: str, reason: str, began: float = float("inf")) -> None:
        """Note a failed attempt that began then (monotonic clock), and log the reason unless that was done."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self.failing_since.setdefault(source, min(began, now)) < self._patience_seconds:
                return
            succeeded_at = self._succeeded_at.get(source, float("-inf"))
            logged = self._logged_at.setdefault(source, {})
            for text in [text for text, at in logged.items() if at <= succeeded_at and at + REPEAT_SECONDS <= now]:
                del logged[text]
            is_new = reason not in logged and len(logged) < MAX_REASONS
            if is_new:
                logged[reason] = now
        if is_new:
            self._log.warning("%s: %s", source, reason)

    def succeeded(self, source: str) -> None:
        """Note a successful attempt."""
        if source in self.failing_since:
            with self._lock:
                self.failing_since.pop(source, None)
                self._succeeded_at[source] = self._clock.monotonic()
