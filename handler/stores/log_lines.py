"""Finds records in lines of text: as the sampler printed them, or as tools for CloudWatch Logs export them. Pure."""

import json
import re
from collections.abc import Iterable, Iterator

from handler.errors import InvalidRecord
from handler.record import Record

_START = re.compile(r'("?)\{\s*(\\?)"timestamp\2"\s*:')
"""The start of a record as printed, or inside a JSON string, as `aws logs filter-log-events` prints it."""
_FIRST_MEMBER = re.compile(rb'\s*"timestamp"\s*:')
_MEMBER_OR_END = re.compile(rb'\s*("\w+"\s*:|\})')

MAX_INVALID_PER_LINE = 100
"""After so many invalid records in one line the line is no log; each takes time proportional to the line's length."""
MAX_JOINED_LINES = 50
"""More than the lines that one indented record takes."""

_decoder = json.JSONDecoder()


def records_in(line: bytes) -> Iterator[Record | InvalidRecord]:
    """The records in a line, whatever text surrounds them; for an invalid one, the error.

    `sam logs`, `aws logs tail` and exported logs put a time before it, `--output text` puts several on a line. Other
    JSON that starts with a timestamp but has no symbol, such as Lambda's own lines, is not a record.
    """
    return _records(line.decode(errors="replace"))


def join_multiline(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, from 1; a record that `sam logs` printed as several, indented lines is joined."""
    pending: list[bytes] = []
    number = 0
    for number, line in enumerate(lines, start=1):
        if pending and not (len(pending) < MAX_JOINED_LINES and _is_continued_by(pending, line)):
            yield number - len(pending), b"".join(pending)
            pending = []
        pending.append(line)
    if pending:
        yield number + 1 - len(pending), b"".join(pending)


def _is_continued_by(pending: list[bytes], line: bytes) -> bool:
    if len(pending) == 1:
        return pending[0].rstrip().endswith(b"{") and bool(_FIRST_MEMBER.match(line))
    return not pending[-1].lstrip().startswith(b"}") and bool(_MEMBER_OR_END.match(line))


def _records(text: str) -> Iterator[Record | InvalidRecord]:
    end = invalid = 0
    while invalid < MAX_INVALID_PER_LINE and (start := _START.search(text, end)):
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
            note = "; the rest of this line is left out" if invalid == MAX_INVALID_PER_LINE else ""
            yield InvalidRecord(f"cut off or not JSON: {error}{note}")


def _record(text: str) -> Record | InvalidRecord:
    if "\N{REPLACEMENT CHARACTER}" in text:
        return InvalidRecord("not UTF-8")
    try:
        return Record.from_line(text)
    except InvalidRecord as error:
        return error
