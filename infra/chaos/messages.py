"""What log messages say about samples: a sample is lost without a recorded reason unless one of these explains it."""

import re
from typing import NamedTuple

DOWN = "the process was killed, or down"
SLOW_READER = "skipped: a slow reader of stdout blocked the runner"
CLOCK_STEP = "skipped: the clock was set past it"
EMPTY_BOOK = "the order book was empty"
NO_MID = "a side of the order book was empty: no distance from mid"
NO_DESCRIPTOR = "no file descriptor was free"
REGION_BLOCKED = "blocked in this region (451)"
EVERY_SYMBOL = "*"

SAMPLE_REASONS = {
    r"not sampled: ": "no thread could be started",
    r"no book before its slot was over \(.*(Too many open files|Errno 24)": NO_DESCRIPTOR,
    r"no book before its slot was over \(.*no thread": "no thread could be started",
    r"no book before its slot was over \(": "no usable response while the slot lasted",
    r".*, no request for another \d+ s$": "the exchange demanded a cooldown (429, 418)",
    r".* rejects it: ": "delisted during the run",
    r"the book arrived after its slot was over$": "the book arrived after its slot",
    r"the order book is empty$": EMPTY_BOOK,
    r"the order book has no mid: a side is empty$": NO_MID,
}
"""What follows the pair in a message → the reason."""

SLOT_REASONS = {
    r"the slot \S+ is over: not sampled$": "the event arrived after its slot",
    r"the function has no time left for the slot": "the function's time was over",
}
"""What the function logs about all samples of a slot → the reason."""

WITHOUT_LOSS = re.compile(
    r"127\.0\.0\.1:\d+: |not storing yet: |waiting for the table to store |"
    r"\S+: \S+ sent a book from a cache, |\S+: the book of \S+ has not changed "
)
"""Warnings about a host, the table or a book, which cost no sample by themselves."""

_UNSTORED = re.compile(r"not stored: .*?: (\{\"timestamp\".*\})")
_SKIPPED = re.compile(r"skipped (\d+) interval\(s\)")


class Message(NamedTuple):
    """One log message: why a sample of a pair (or of every pair) is missing, a line not stored, skipped intervals."""

    symbol: str = ""
    reason: str = ""
    unstored_line: str = ""
    skipped_intervals: int = 0


def parse_message(text: str) -> Message | None:
    """Read a message; None if it is unexpected."""
    if match := _UNSTORED.match(text):
        return Message(unstored_line=match[1])
    if match := _SKIPPED.match(text):
        return Message(skipped_intervals=int(match[1]))
    if WITHOUT_LOSS.match(text):
        return Message()
    if reason := _find(SLOT_REASONS, text):
        return Message(EVERY_SYMBOL, reason)
    symbol, _, rest = text.partition(": ")
    reason = _find(SAMPLE_REASONS, rest)
    return Message(symbol, reason) if reason else None


def _find(reasons: dict[str, str], text: str) -> str:
    return next((reason for pattern, reason in reasons.items() if re.match(pattern, text)), "")
