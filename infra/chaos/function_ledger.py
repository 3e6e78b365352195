"""What the containers of the function came to, read from what they printed alone. Pure.

An invocation samples its slots one after the other, and each gives one line or one message for each series: the n-th of
a series belongs to the n-th slot that the event asks for.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handler.slots import parse_timestamp
from infra.chaos.books import Outcome
from infra.chaos.reasons import DOWN, understand

_COUNTS = ("Stored", "Duplicates")


@dataclass(slots=True)
class FunctionLedger:
    """`asked` are the slots that each delivered event asks for; [] for one that is to be refused."""

    series: list[tuple[str, int]]
    asked: Mapping[str, Sequence[int]]
    results: Mapping[str, dict[str, Any]]
    outcomes: list[Outcome] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    stored: int = 0
    """What the function itself counted as stored, and as duplicates."""
    duplicates: int = 0
    refused: int = 0
    uncounted: int = 0
    """Records that were printed in invocations which were killed before they could count."""

    def enter(self, printed: Sequence[str]) -> None:
        """Account for one container, from what it printed."""
        name = ""
        some: list[str] = []
        for line in printed:
            if line.startswith("START RequestId: "):
                if name:
                    self._invocation(name, some, ended=False)
                name, some = line.split()[2], []
            elif line.startswith("END RequestId: "):
                self._invocation(name, some, ended=True)
                name = ""
            else:
                some.append(line)
        if name:
            self._invocation(name, some, ended=False)

    def _invocation(self, name: str, printed: list[str], *, ended: bool) -> None:
        found: dict[tuple[str, int], list[Outcome]] = defaultdict(list)
        for line in printed:
            self._line(line, found, ended=ended)
        slots = self.asked[name]
        for one in self.series:
            series = f"{one[0]}#{one[1]}"
            outcomes = found[one]
            if len(outcomes) > len(slots) or (ended and len(outcomes) < len(slots)):
                self.problems.append(f"{name}: {series}: {len(outcomes)} outcomes for {len(slots)} slots")
                continue
            for slot, outcome in zip(slots, outcomes, strict=False):
                if outcome.line and outcome.key[1] != slot:
                    self.problems.append(f"{name}: {series}: a line of {outcome.key[1]} stands where {slot} was due")
                self.outcomes.append(outcome if outcome.line else outcome._replace(key=(series, slot)))
            self.outcomes += [Outcome((series, slot), reason=DOWN) for slot in slots[len(outcomes) :]]
        self.uncounted += 0 if ended else sum(bool(one.line) for some in found.values() for one in some)
        if ended:
            self._check_result(name, [one.reason for some in found.values() for one in some if one.reason])

    def _line(self, line: str, found: dict[tuple[str, int], list[Outcome]], *, ended: bool) -> None:
        values = json.loads(line)
        if "obi" in values:
            key = f"{values['symbol']}#{values['levels']}", parse_timestamp(values["timestamp"])
            found[values["symbol"], values["levels"]].append(Outcome(key, line=line, unheard=not ended))
        elif "_aws" in values:
            stored, duplicates = (int(sum(values.get(count, [0]))) for count in _COUNTS)
            self.stored, self.duplicates = self.stored + stored, self.duplicates + duplicates
        elif (said := understand(str(values.get("message")))) is None:
            self.problems.append(f"the log holds what nobody expects: {line[:300]}")
        elif said.unstored:
            self.told.add(said.unstored)
        else:
            of_pair = [one for one in self.series if said.symbol in ("*", one[0])]
            for one in of_pair if said.symbol == "*" else [min(of_pair, key=lambda one: len(found[one]))]:
                found[one].append(Outcome(("", 0), reason=said.reason))

    def _check_result(self, name: str, reasons: list[str]) -> None:
        result = self.results.get(name, {"crashed": "no result"})
        if "crashed" in result:
            self.problems.append(f"{name}: the function crashed: {result['crashed'][-500:]}")
        if not self.asked[name]:
            self.refused += 1
            if not str(result.get("raised", "")).startswith("UsageError"):
                self.problems.append(f"{name}: an event whose time is none was not refused: {result}")
        passing = ("the event came after its slot", "the book was empty")
        if "returned" in result and any(reason not in passing for reason in reasons):
            self.problems.append(f"{name}: it returned although samples failed: {reasons[:3]}")
