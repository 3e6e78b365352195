"""What the invocations of the function came to, read from what the containers printed. Pure.

An invocation samples slots one after the other, and each gives one line or one message for each series: the n-th of a
series belongs to the n-th slot, counted from the start of the invocation. It may end early if another one stores.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from handler.invocation import HAND_OVER_SECONDS, lateness_seconds
from handler.slots import parse_timestamp
from infra.chaos.messages import DOWN, EMPTY_BOOK, EVERY_SYMBOL, NO_MID, Message, parse_message
from infra.chaos.reconciliation import Outcome
from infra.chaos.series import Series, series_key

REASONS_WITHOUT_ERROR = ("the event arrived after its slot", EMPTY_BOOK, NO_MID)

BySeries = dict[str, list[Outcome]]
"""Key of a series → the outcomes of its slots."""


@dataclass(slots=True)
class FunctionOutput:
    """`requested_slots` and `results` are by invocation; no slots for an event that must be rejected."""

    series: list[Series]
    requested_slots: Mapping[str, Sequence[int]]
    results: Mapping[str, dict[str, Any]]
    outcomes: list[Outcome] = field(default_factory=list)
    unstored_lines: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    stored: int = 0
    """What the function's own metrics count as stored."""
    duplicates: int = 0
    """The same for slots that another invocation had stored."""
    rejected_events: int = 0
    uncounted: int = 0
    """Records that were printed in invocations which were killed before they wrote metrics."""

    def add(self, printed: Sequence[str]) -> None:
        """Add what one container printed."""
        name, started = "", 0.0
        lines: list[str] = []
        for line in printed:
            if line.startswith("START RequestId: "):
                if name:
                    self._add_invocation(name, lines, started, ended=False)
                name, started, lines = line.split()[2], float(line.split()[-1]), []
            elif line.startswith("END RequestId: "):
                self._add_invocation(name, lines, started, ended=True)
                name = ""
            else:
                lines.append(line)
        if name:
            self._add_invocation(name, lines, started, ended=False)

    def _add_invocation(self, name: str, lines: list[str], started: float, *, ended: bool) -> None:
        found: BySeries = defaultdict(list)
        duplicates_before = self.duplicates
        for line in lines:
            self._add_line(line, found, ended=ended)
        slots = self._slots(name, started, found)
        may_end_early = self.duplicates > duplicates_before
        for _, series, _ in self.series:
            outcomes = found[series]
            if bool(outcomes) > bool(slots) or (ended and len(outcomes) < len(slots) and not may_end_early):
                self.problems.append(f"{name}: {series}: {len(outcomes)} outcomes for {len(slots)} slots")
                continue
            for slot, outcome in zip(count(slots.start), outcomes, strict=False):
                if outcome.line and outcome.key[1] != slot:
                    self.problems.append(f"{name}: {series}: a line of slot {outcome.key[1]} instead of {slot}")
                self.outcomes.append(outcome if outcome.line else outcome._replace(key=(series, slot)))
            if not ended:
                self.outcomes += [Outcome((series, slot), reason=DOWN) for slot in slots[len(outcomes) :]]
        all_outcomes = [outcome for outcomes in found.values() for outcome in outcomes]
        if ended:
            self._check_result(name, [outcome.reason for outcome in all_outcomes if outcome.reason])
        else:
            self.uncounted += sum(bool(outcome.line) for outcome in all_outcomes)

    def _slots(self, name: str, started: float, found: BySeries) -> range:
        """The slots of a second that an invocation has to sample: those of its event, or one if they are over."""
        requested, current = self.requested_slots[name], int(started)
        if not requested:
            return range(0)
        if current > requested[-1] + HAND_OVER_SECONDS:
            return range(current, current + 1)
        first = max(requested[0], current if started - current < lateness_seconds(1, 1) else current + 1)
        if any(outcomes and outcomes[0].key[1] == first + 1 for outcomes in found.values()):
            first += 1  # the second was over before the function looked at its clock
        return range(first, max(requested[-1], first) + 1)

    def _add_line(self, line: str, found: BySeries, *, ended: bool) -> None:
        values = json.loads(line)
        if "obi" in values:
            series = series_key(values)
            key = series, parse_timestamp(values["timestamp"])
            found[series].append(Outcome(key, line=line, was_killed=not ended))
        elif "_aws" in values:
            self.stored += int(sum(values.get("Stored", [0])))
            self.duplicates += int(sum(values.get("Duplicates", [0])))
        elif (message := parse_message(str(values.get("message")))) is None:
            self.problems.append(f"unexpected line in the log: {line[:300]}")
        elif message.unstored_line:
            self.unstored_lines.add(message.unstored_line)
        elif message.symbol == EVERY_SYMBOL:
            for _, series, _ in self.series:
                found[series].append(Outcome(("", 0), reason=message.reason))
        elif message.symbol:
            first_missing = min(self._possible_series(message), key=lambda key: len(found[key]))
            found[first_missing].append(Outcome(("", 0), reason=message.reason))

    def _possible_series(self, message: Message) -> list[str]:
        """The series that lack the sample: an empty side is reported of distances, an empty book of levels."""
        of_pair = [series for series in self.series if series.symbol == message.symbol]
        if message.reason in (EMPTY_BOOK, NO_MID):
            of_pair = [series for series in of_pair if series.is_distance == (message.reason == NO_MID)]
        return [series.key for series in of_pair]

    def _check_result(self, name: str, reasons: list[str]) -> None:
        result = self.results.get(name, {"traceback": "no result"})
        if "traceback" in result:
            self.problems.append(f"{name}: the function crashed: {result['traceback'][-500:]}")
        if not self.requested_slots[name]:
            self.rejected_events += 1
            if not str(result.get("raised", "")).startswith("UsageError"):
                self.problems.append(f"{name}: an event with an invalid time was not rejected: {result}")
        if "returned" in result and any(reason not in REASONS_WITHOUT_ERROR for reason in reasons):
            self.problems.append(f"{name}: it returned although samples failed: {reasons[:3]}")
