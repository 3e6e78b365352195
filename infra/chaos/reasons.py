"""Names for what the program says when it gives a sample up. What matches none of them is a loss without a name."""

import re
from typing import NamedTuple

DOWN = "the process was killed, or down"
HELD_UP = "skipped: the reader of stdout held the runner up"
CLOCK_SET = "skipped: the clock was set over it"
CLOSED = "closed to this region (451)"

REASONS = {
    r"no book before its slot was over \(": "no usable answer while the slot lasted",
    r".*, no request for another \d+ s$": "told to stay away (429, 418)",
    r".* rejects it: ": "delisted on the way",
    r"the book arrived after its slot was over$": "the book came after its slot",
    r"the order book is empty$": "the book was empty",
}
"""What follows the pair in a message → the name of the reason."""

EVERY_PAIR = {
    r"the slot \S+ is over: not sampled$": "the event came after its slot",
    r"the function has no time left for the slot": "the function's time was over",
}
"""What the function says of a whole slot → the name of the reason."""

_UNSTORED = re.compile(r"not stored: .*?: (\{\"timestamp\".*\})")
_SKIPPED = re.compile(r"skipped (\d+) interval\(s\)")


class Said(NamedTuple):
    """One message, understood: of a pair, or of all ("*"); a line that was not stored; intervals that were skipped."""

    symbol: str = ""
    reason: str = ""
    unstored: str = ""
    skipped: int = 0


def understand(message: str) -> Said | None:
    """What a message says; None if it is none of those that a bad day explains."""
    if match := _UNSTORED.match(message):
        return Said(unstored=match[1])
    if match := _SKIPPED.match(message):
        return Said(skipped=int(match[1]))
    for pattern, name in EVERY_PAIR.items():
        if re.match(pattern, message):
            return Said("*", name)
    symbol, colon, rest = message.partition(": ")
    if not colon:
        return None
    return next((Said(symbol, name) for pattern, name in REASONS.items() if re.match(pattern, rest)), None)
