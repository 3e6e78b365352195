"""Records out of lines of any text: what the sampler printed, and what became of that in CloudWatch Logs. Pure."""

import json
import re
from collections.abc import Iterator

from handler.record import DamagedRecord, Record

_START = re.compile(r'("?)\{\s*(\\?)"timestamp\2"\s*:')
"""A record as it was printed, or inside a JSON string, as `aws logs filter-log-events` puts it."""

_decoder = json.JSONDecoder()


def records_in(line: bytes) -> Iterator[Record | DamagedRecord]:
    """The records in a line, whatever stands around them; one that cannot be read is yielded as the error.

    `sam logs`, `aws logs tail` and exported logs put a time before it, `--output text` puts several on a line.
    """
    text = line.decode(errors="replace")
    end = 0
    while start := _START.search(text, end):
        end = start.end()
        quoted, escaped = start.groups()
        try:
            if escaped:
                message, end = _decoder.raw_decode(text, start.start()) if quoted else ("", end)
            else:
                _, end = _decoder.raw_decode(text, start.start() + len(quoted))
                message = text[start.start() + len(quoted) : end]
        except (ValueError, RecursionError) as error:
            yield DamagedRecord(f"cut off or not JSON: {error}")
            continue
        if message:
            yield _record(message)


def _record(message: str) -> Record | DamagedRecord:
    try:
        return Record.from_line(message)
    except DamagedRecord as error:
        return error
