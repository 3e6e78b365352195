"""Which fault comes next: scripted or random. Pure, given a seed.

An entry of a script is `name` or `name=parameter`, followed by `*3` for three times or `*` for ever; `ok` is no fault.
The script of a pair comes before the common one; when both are used up, faults are random, if a rate is given.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from infra.fake_exchange.faults import FAULTS, TRANSIENT

OK = "ok"
_ENTRY = re.compile(r"(?P<name>[\w-]+)(=(?P<parameter>-?\d+(\.\d+)?))?(?P<repeat>\*(?P<times>\d*))?")


class PlannedFault(NamedTuple):
    """The fault of one request."""

    name: str
    parameter: float | None = None


class FaultPlan:
    """Gives each depth request its fault, if any."""

    def __init__(self, rate: float = 0.0, seed: int = 0, names: Sequence[str] = ()) -> None:
        self._rate = rate
        self._random = random.Random(seed)
        self._choices = [fault for fault, _ in map(_entry, names or TRANSIENT)]
        self._scripts: dict[str | None, Iterator[PlannedFault]] = {}

    def script(self, entries: Iterable[str], symbol: str | None = None) -> None:
        """Replace the common script, or that of one pair."""
        parsed = [_entry(entry) for entry in entries]
        repeated = (repeat(fault) if times is None else repeat(fault, times) for fault, times in parsed)
        self._scripts[symbol] = chain.from_iterable(repeated)

    def next(self, symbol: str) -> PlannedFault:
        """The fault of the next depth request, which is for this pair."""
        for key in (symbol, None):
            if key in self._scripts and (fault := next(self._scripts[key], None)):
                return fault
        if self._rate and self._random.random() < self._rate:
            return self._random.choice(self._choices)
        return PlannedFault(OK)


def _entry(text: str) -> tuple[PlannedFault, int | None]:
    """One entry of a script and how often it is repeated; None is for ever."""
    match = _ENTRY.fullmatch(text.strip())
    if match is None or match["name"] not in (OK, *FAULTS):
        raise ValueError(f"{text!r} is not name, name=number, name*3 or name* of {OK}, {', '.join(FAULTS)}")
    parameter = None if match["parameter"] is None else float(match["parameter"])
    return PlannedFault(match["name"], parameter), (int(match["times"] or 0) or None) if match["repeat"] else 1
