"""What the local system keeps: its records in one file of lines, and how another terminal finds the table."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from handler.bulk import Bulk
from handler.errors import UsageError
from handler.record import DamagedRecord, Record

FOLDER = Path(".local")
RECORDS = FOLDER / "records.jsonl"
ENVIRONMENT = FOLDER / "environment"

CHUNK = 1000
"""Records that are loaded or saved at a time."""


def restore(bulk: Bulk) -> int:
    """Load the records that earlier runs kept; returns how many."""
    if not RECORDS.exists():
        return 0
    waiting, loaded = [], 0
    for line in RECORDS.read_text(encoding="utf-8").splitlines():
        try:
            waiting.append(Record.from_line(line))
        except DamagedRecord:  # the last line of a run that was killed
            continue
    for start in range(0, len(waiting), CHUNK):
        loaded += bulk.load(waiting[start : start + CHUNK]).stored
    return loaded


class Journal(io.TextIOBase):
    """Stands in for stdout: passes everything on, and keeps the records among it should the program be killed."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def write(self, text: str, /) -> int:
        """Print it, and keep it if it is a record."""
        if text.startswith('{"timestamp"'):
            with RECORDS.open("a", encoding="utf-8") as file:
                file.write(f"{text.rstrip()}\n")
        return self._stdout.write(text)

    def flush(self) -> None:
        """Hold nothing back."""
        self._stdout.flush()


def save(client: Any, table: str) -> int:
    """Keep what the table holds, also what others put there; returns how many records that is."""
    draft = RECORDS.with_suffix(".new")
    lines = list(_lines(client, table))
    draft.write_text("".join(lines), encoding="utf-8")
    draft.replace(RECORDS)
    return len(lines)


def _lines(client: Any, table: str) -> Iterable[str]:
    for page in client.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            yield f"{Record.from_item(item).to_line(detail=True)}\n"


def announce(variables: dict[str, str]) -> None:
    """Write down, for `python -m infra.local env`, what a shell must know to use the table."""
    lines = [f"export {name}={value}" for name, value in {**variables, "OBI_LOCAL_PID": str(os.getpid())}.items()]
    ENVIRONMENT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def announced() -> str:
    """What `announce` wrote. Raises UsageError if the local system does not run."""
    try:
        text = ENVIRONMENT.read_text(encoding="utf-8")
        os.kill(int(text.rsplit("=", 1)[1]), 0)
    except (OSError, ValueError, IndexError):
        raise UsageError("the local system does not run: start it with make local in another terminal") from None
    return text
