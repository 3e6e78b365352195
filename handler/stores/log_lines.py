"""Records out of lines of any text: what the sampler printed, and what became of that in CloudWatch Logs. Pure."""

import json
import re
from collections.abc import Iterable, Iterator

from handler.errors import InvalidRecord
from handler.record import Record

_START = re.compile(r'("?)\{\s*(\\?)"timestamp\2"\s*:')
"""A record as it was printed, or inside a JSON string, as `aws logs filter-log-events` puts it."""
_FIRST_MEMBER = re.compile(rb'\s*"timestamp"\s*:')
_MEMBER_OR_END = re.compile(rb'\s*("\w+"\s*:|\})')

MAX_INVALID = 100
"""Records of one line that may be invalid; what follows is no log, and each costs as much time as the line is long."""
MAX_JOINED_LINES = 50
"""Lines that one indented record can take: it has not so many keys."""

_decoder = json.JSONDecoder()


def records_in(line: bytes) -> Iterator[Record | InvalidRecord]:
    """The records in a line, whatever stands around them; one that cannot be read is yielded as the error.

    `sam logs`, `aws logs tail` and exported logs put a time before it, `--output text` puts several on a line. Other
    JSON that starts with a timestamp, such as Lambda's own lines, is no record for the lack of a symbol.
    """
    return _records(line.decode(errors="replace"))


def join_multiline(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, from 1; a record that `sam logs` has indented, over several lines, as one."""
    held: list[bytes] = []
    number = 0
    for number, line in enumerate(lines, start=1):
        if held and not (len(held) < MAX_JOINED_LINES and _goes_on(held, line)):
            yield number - len(held), b"".join(held)
            held = []
        held.append(line)
    if held:
        yield number + 1 - len(held), b"".join(held)


def _goes_on(held: list[bytes], line: bytes) -> bool:
    if len(held) == 1:
        return held[0].rstrip().endswith(b"{") and bool(_FIRST_MEMBER.match(line))
    return not held[-1].lstrip().startswith(b"}") and bool(_MEMBER_OR_END.match(line))


def _records(text: str) -> Iterator[Record | InvalidRecord]:
    end = invalid = 0
    while invalid < MAX_INVALID and (start := _START.search(text, end)):
        end = start.end()
        quoted, escaped = start.groups()
        brace = start.start() + len(quoted)
        try:
            if not escaped:
                values, after = _decoder.raw_decode(text, brace)
                if "symbol" in values:
                    end = after
                    yield _record(text[brace:end])
            elif quoted:
                message, end = _decoder.raw_decode(text, start.start())
                yield from _records(message)
        except (ValueError, RecursionError) as error:
            invalid += 1
            rest = "; the rest of this line is left out" if invalid == MAX_INVALID else ""
            yield InvalidRecord(f"cut off or not JSON: {error}{rest}")


def _record(text: str) -> Record | InvalidRecord:
    if "\N{REPLACEMENT CHARACTER}" in text:
        return InvalidRecord("not UTF-8")
    try:
        return Record.from_line(text)
    except InvalidRecord as error:
        return error
