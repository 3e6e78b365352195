"""What runs of the runner came to, read from stdout and stderr alone. Pure.

A tick gives one line for each series, in the requested order, so the n-th line belongs to a known series and tick. A
line without data has its reason on stderr: the n-th reason of a pair belongs to the pair's n-th tick without data.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import Any

from handler.slots import parse_timestamp
from infra.chaos.messages import (
    CLOCK_STEP,
    DOWN,
    EMPTY_BOOK,
    EVERY_SYMBOL,
    NO_MID,
    REGION_BLOCKED,
    SLOW_READER,
    Message,
    parse_message,
)
from infra.chaos.reconciliation import Outcome
from infra.chaos.series import Series, has_data, series_key

PUT_SECONDS = 5
"""What was printed so long before a kill may still have been on its way to the table."""

_LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:WARNING|ERROR) (.*)")
_EXIT_MESSAGE = re.compile(r"handler: .*(No space left on device|HTTP 451|Invalid symbol)")

Reasons = dict[str, deque[str]]
"""Pair → the reasons for its samples without data, in order."""


@dataclass(slots=True)
class ProgramRun:
    """The lines that one process wrote to stdout and stderr, and what happened to it."""

    stdout: list[str]
    stderr: list[str]
    clock_was_set: bool = False
    was_killed: bool = False


@dataclass(slots=True)
class RunnerOutput:
    """The outcomes of successive runs of one runner."""

    series: list[Series]
    interval: int = 1
    outcomes: list[Outcome] = field(default_factory=list)
    unstored_lines: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    _last_slot: int | None = None

    def add(self, run: ProgramRun) -> None:
        """Add the next run."""
        messages = self._messages(run)
        reasons = _reasons(messages)
        ticks = self._ticks(run)
        slots = self._slots(ticks)
        reason_for_missing = REGION_BLOCKED if EVERY_SYMBOL in reasons else DOWN
        for slot, tick in zip(slots, ticks, strict=True):
            is_uncertain = run.was_killed and slot >= slots[-1] - PUT_SECONDS
            self._add_tick(slot, tick, reasons, reason_for_missing, was_killed=is_uncertain)
        if slots and REGION_BLOCKED in reasons[EVERY_SYMBOL] and len(ticks[-1]) == len(self.series):
            slots.append(slots[-1] + self.interval)  # the tick whose requests met the block, without any line
            self._add_tick(slots[-1], [], reasons, REGION_BLOCKED, was_killed=False)
        self._add_gaps(slots, sum(message.skipped_intervals for message in messages), run.clock_was_set)
        if any(len(left) > 1 for symbol, left in reasons.items() if symbol not in ("", EVERY_SYMBOL)):
            self.problems.append("stderr holds reasons that belong to no line")

    def _messages(self, run: ProgramRun) -> list[Message]:
        found = []
        for line in run.stderr:
            logged, at_exit = _LOGGED.match(line), _EXIT_MESSAGE.match(line)
            message = parse_message(logged[1]) if logged else None
            if at_exit:
                message = Message(EVERY_SYMBOL, REGION_BLOCKED if at_exit[1] == "HTTP 451" else at_exit[1])
            if message is None:
                self.problems.append(f"unexpected line on stderr: {line[:300]}")
                continue
            found.append(message)
            if message.unstored_line:
                self.unstored_lines.add(message.unstored_line)
        return found

    def _ticks(self, run: ProgramRun) -> list[list[dict[str, Any]]]:
        ticks: list[list[dict[str, Any]]] = []
        for number, line in enumerate(run.stdout):
            index = number % len(self.series)
            if index == 0:
                ticks.append([])
            try:
                record = json.loads(line)
            except ValueError:
                self.problems.append(f"stdout holds a line that is not a record: {line[:200]!r}")
                return [tick for tick in ticks if tick]
            if series_key(record) != self.series[index].key:
                self.problems.append(f"a line is out of order: {line[:200]}")
            ticks[-1].append({**record, "line": line})
        return ticks

    def _slots(self, ticks: list[list[dict[str, Any]]]) -> list[int]:
        """The slot of each tick. A tick without data may have been given up when its slot was just over."""
        slots: list[int] = []
        for tick, next_tick in zip_longest(ticks, ticks[1:]):
            slot = self._apparent_slot(tick)
            if not any(map(has_data, tick)):
                leaves_gap = bool(slots) and slot - self.interval > slots[-1]
                is_taken = not slots and next_tick is not None and slot == self._apparent_slot(next_tick)
                slot -= self.interval * (leaves_gap or is_taken)
            slots.append(slot)
        return slots

    def _apparent_slot(self, tick: list[dict[str, Any]]) -> int:
        measured = [self._slot(record) for record in tick if has_data(record)]
        return measured[-1] if measured else min(map(self._slot, tick))

    def _slot(self, record: dict[str, Any]) -> int:
        return parse_timestamp(record["timestamp"]) // self.interval * self.interval

    def _add_tick(
        self, slot: int, tick: list[dict[str, Any]], reasons: Reasons, reason_for_missing: str, *, was_killed: bool
    ) -> None:
        reason_by_symbol: dict[str, str] = {}
        for record in tick:
            key = series_key(record), slot
            if has_data(record):
                own_slot = self._slot(record)
                self.outcomes.append(Outcome((key[0], own_slot), line=record["line"], was_killed=was_killed))
                if own_slot != slot:
                    self.outcomes.append(Outcome(key, reason=CLOCK_STEP))
                continue
            symbol = record["symbol"]
            if symbol not in reason_by_symbol:
                reason_by_symbol[symbol] = reasons[symbol].popleft() if reasons[symbol] else ""
            self.outcomes.append(Outcome(key, reason=reason_by_symbol[symbol]))
        for series in self.series[len(tick) :]:
            self.outcomes.append(Outcome((series.key, slot), reason=reason_for_missing))

    def _add_gaps(self, slots: list[int], skipped_intervals: int, clock_was_set: bool) -> None:
        gaps = 0
        if slots and self._last_slot is not None:
            self._add_missing(self._last_slot, slots[0], DOWN)
        for last, slot in pairwise(slots):
            gaps += max((slot - last) // self.interval - 1, 0)
            self._add_missing(last, slot, CLOCK_STEP if clock_was_set else SLOW_READER)
        if gaps > skipped_intervals + (2 if clock_was_set else 0):
            self.problems.append(f"{gaps} intervals have no line, and stderr reports {skipped_intervals}")
        self._last_slot = slots[-1] if slots else self._last_slot

    def _add_missing(self, last: int, slot: int, reason: str) -> None:
        for missing in range(last + self.interval, slot, self.interval):
            self.outcomes += [Outcome((series.key, missing), reason=reason) for series in self.series]


def _reasons(messages: Iterable[Message]) -> Reasons:
    """One reason for each pair and tick: an empty book is logged of the levels, and then of the distances too."""
    reasons: Reasons = defaultdict(deque)
    last_reason: dict[str, str] = {}
    for symbol, reason, *_ in messages:
        if (last_reason.get(symbol), reason) != (EMPTY_BOOK, NO_MID):
            reasons[symbol].append(reason)
        last_reason[symbol] = reason
    return reasons
