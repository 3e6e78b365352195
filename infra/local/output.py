"""What the function prints: records go to stdout, each into the journal first, and nothing else does."""

import io
import json
import os
import select
import sys
from collections.abc import Callable

from handler.errors import InvalidRecord
from handler.record import Record


class RecordOutput(io.TextIOBase):
    """Replaces stdout while the function runs, and separates records and metrics from the rest, as CloudWatch does."""

    def __init__(self, descriptor: int, keep: Callable[[Record], object]) -> None:
        self._descriptor = descriptor
        self._keep = keep
        self._unfinished = ""

    def write(self, text: str, /) -> int:
        """Pass on the lines that are whole by now."""
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            self._write_line(line)
        return len(text)

    def _write_line(self, line: str) -> None:
        try:
            record = Record.from_line(line)
        except InvalidRecord:
            if line and not _is_metrics(line):
                print(line, file=sys.stderr)
            return
        self._keep(record)
        data = f"{line}\n".encode()
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # a pipe that does not wait, and whose reader is slow
                select.select([], [self._descriptor], [])


def _is_metrics(line: str) -> bool:
    """Whether CloudWatch would take metrics from this line (its embedded metric format)."""
    try:
        return "_aws" in json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return False
