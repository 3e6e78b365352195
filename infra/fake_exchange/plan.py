"""Which fault comes next: by script, or by lot. Pure, given a seed.

An entry of a script is `name`, `name=parameter`, either with `*3` behind it for three times or `*` for ever; `ok` is
no fault. A script of one pair comes before the common one; when both are over, faults are drawn at random if asked for.
"""

import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from infra.fake_exchange.faults import FAULTS

OK = "ok"
PASSING = tuple(name for name, fault in FAULTS.items() if fault.passing)
"""Faults that a client can get over by asking again: the ones drawn when none are named."""

_ENTRY = re.compile(r"(?P<name>[^=*\s]+)(=(?P<parameter>[^*\s]+))?(?P<repeat>\*(?P<times>\d*))?")


class Call(NamedTuple):
    """One fault that happens now."""

    name: str
    parameter: float | None = None


class Plan:
    """Says for each depth request what goes wrong with it, if anything."""

    def __init__(self, rate: float = 0.0, seed: int = 0, names: Sequence[str] = ()) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"The fault rate is a probability from 0 to 1, not {rate}.")
        self._rate = rate
        self._draw = random.Random(seed)
        self._drawn = [call for call, _ in map(_entry, names or PASSING)]
        self._scripts: dict[str | None, Iterator[Call]] = {}

    def script(self, entries: Iterable[str], symbol: str | None = None) -> None:
        """Replace the common script, or that of one pair."""
        parsed = [_entry(entry) for entry in entries]
        self._scripts[symbol] = (call for call, times in parsed for call in _times(call, times))

    def next(self, symbol: str) -> Call:
        """What goes wrong with the next depth request, which is for this pair."""
        for key in (symbol, None):
            if key in self._scripts and (call := next(self._scripts[key], None)):
                return call
        if self._rate and self._draw.random() < self._rate:
            return self._draw.choice(self._drawn)
        return Call(OK)


def _times(call: Call, times: int | None) -> Iterator[Call]:
    return repeat(call) if times is None else repeat(call, times)


def _entry(text: str) -> tuple[Call, int | None]:
    """One entry of a script and how often it comes; None is for ever."""
    match = _ENTRY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no fault; write name, name=number, name*3 or name*.")
    name, parameter, times = match["name"], match["parameter"], match["times"]
    if name != OK and name not in FAULTS:
        raise ValueError(f"There is no fault {name!r}; there are {OK}, {', '.join(FAULTS)}.")
    return Call(name, _number(text, parameter)), (int(times) if times else None) if match["repeat"] else 1


def _number(text: str, parameter: str | None) -> float | None:
    try:
        number = None if parameter is None else float(parameter)
    except ValueError:
        number = math.nan
    if number is not None and not number >= 0:
        raise ValueError(f"The parameter of a fault is a number from 0 up, not as in {text!r}.")
    # No endlessness in the arithmetic: a thousand million seconds or megabytes are more than anyone waits for.
    return None if number is None else min(number, 1e9)
