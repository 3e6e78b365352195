"""What the lives of the runner came to, read from its stdout and stderr alone. Pure.

A tick gives one line for each series, in the order asked for, so the n-th line is of a known series and tick. A line
without data has its reason on stderr: the n-th of a pair there belongs to the n-th of a pair here.
"""

import json
import re
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from handler.slots import parse_timestamp
from infra.chaos.books import Outcome
from infra.chaos.reasons import CLOCK_SET, CLOSED, DOWN, HELD_UP, Said, understand

_LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:WARNING|ERROR) (.*)")
_LAST_WORDS = re.compile(r"handler: .*(No space left on device|HTTP 451|Invalid symbol)")


@dataclass(slots=True)
class Life:
    """What one process printed and said. `broken`: its stdout broke, so that lines may be missing at the end."""

    printed: list[str]
    said: list[str]
    stepped: bool = False
    broken: bool = False


@dataclass(slots=True)
class Ledger:
    """What the lives of a runner, one after the other, came to."""

    series: list[tuple[str, int]]
    interval: int = 1
    outcomes: list[Outcome] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    _last_slot: int | None = None

    def enter(self, life: Life) -> None:
        """Account for one life."""
        said = self._said(life)
        reasons: dict[str, deque[str]] = defaultdict(deque)
        for one in said:
            reasons[one.symbol].append(one.reason)
        ticks = self._ticks(life)
        slots = self._slots(ticks)
        for number, (slot, tick) in enumerate(zip(slots, ticks, strict=True)):
            self._enter_tick(slot, tick, reasons, last=number == len(ticks) - 1, closed="*" in reasons)
        if slots and CLOSED in reasons["*"] and len(ticks[-1]) == len(self.series):
            slots.append(slots[-1] + self.interval)  # the tick that met the closed door, and gave no line
            self._enter_tick(slots[-1], [], reasons, last=True, closed=True)
        self._enter_gaps(slots, sum(one.skipped for one in said), life.stepped)
        if any(len(left) > 1 for symbol, left in reasons.items() if symbol not in ("", "*")):
            self.problems.append("stderr holds reasons that belong to no line")

    def _said(self, life: Life) -> list[Said]:
        found = []
        for line in life.said:
            logged, last = _LOGGED.match(line), _LAST_WORDS.match(line)
            said = understand(logged[1]) if logged else None
            if last:
                said = Said("*", CLOSED if last[1] == "HTTP 451" else last[1])
            if said is None:
                self.problems.append(f"stderr holds what nobody expects: {line[:300]}")
                continue
            found.append(said)
            if said.unstored:
                self.told.add(said.unstored)
        return found

    def _ticks(self, life: Life) -> list[list[dict[str, Any]]]:
        ticks: list[list[dict[str, Any]]] = []
        for number, line in enumerate(life.printed):
            place = number % len(self.series)
            if not place:
                ticks.append([])
            try:
                record = json.loads(line)
            except ValueError:
                self.problems.append(f"stdout holds no record: {line[:200]!r}")
                return [tick for tick in ticks if tick]
            if (record["symbol"], record["levels"]) != self.series[place]:
                self.problems.append(f"a line is out of turn: {line[:200]}")
            ticks[-1].append({**record, "line": line})
        return ticks

    def _slots(self, ticks: list[list[dict[str, Any]]]) -> list[int]:
        """The slot of each tick: of its lines with data, or the first one after the last tick's that can be."""
        slots: list[int] = []
        for tick in ticks:
            known = [self._slot(record) for record in tick if _has_data(record)]
            given_up = min(map(self._slot, tick))
            before = slots[-1] if slots else self._last_slot
            late = (
                not known and before is not None and given_up - self.interval > before
            )  # given up just after its slot
            slots.append(known[-1] if known else given_up - late * self.interval)
        return slots

    def _slot(self, record: dict[str, Any]) -> int:
        return parse_timestamp(record["timestamp"]) // self.interval * self.interval

    def _enter_tick(
        self, slot: int, tick: list[dict[str, Any]], reasons: dict[str, deque[str]], *, last: bool, closed: bool
    ) -> None:
        unexplained: set[str] = set()
        for record in tick:
            key = f"{record['symbol']}#{record['levels']}", slot
            if _has_data(record):
                own = self._slot(record)
                self.outcomes.append(Outcome((key[0], own), line=record["line"], unheard=last))
                if own != slot:
                    self.outcomes.append(Outcome(key, reason=CLOCK_SET))
                continue
            if record["symbol"] not in unexplained:
                unexplained.add(record["symbol"])
                reason = reasons[record["symbol"]].popleft() if reasons[record["symbol"]] else ""
            self.outcomes.append(Outcome(key, reason=reason))
        for symbol, levels in self.series[len(tick) :]:
            self.outcomes.append(Outcome((f"{symbol}#{levels}", slot), reason=CLOSED if closed else DOWN))

    def _enter_gaps(self, slots: list[int], told: int, stepped: bool) -> None:
        gaps = 0
        if slots and self._last_slot is not None:
            self._missed(self._last_slot, slots[0], DOWN)
        for last, slot in pairwise(slots):
            gaps += max((slot - last) // self.interval - 1, 0)
            self._missed(last, slot, CLOCK_SET if stepped else HELD_UP)
        if gaps > told + (2 if stepped else 0):
            self.problems.append(f"{gaps} intervals have no line, and stderr tells of {told}")
        self._last_slot = slots[-1] if slots else self._last_slot

    def _missed(self, last: int, slot: int, reason: str) -> None:
        for missing in range(last + self.interval, slot, self.interval):
            self.outcomes += [Outcome((f"{symbol}#{levels}", missing), reason=reason) for symbol, levels in self.series]


def _has_data(record: dict[str, Any]) -> bool:
    return bool(record["notional_bid"] or record["notional_ask"])
