"""Records out of files and standard input: any text that contains printed records, also compressed by gzip."""

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from handler.errors import InvalidRecord, UsageError
from handler.record import Record
from handler.stores.log_lines import join_multiline, records_in

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"
MAX_LINE_BYTES = 16 * 2**20
"""A longer line is read in pieces."""


def open_file(name: str) -> BufferedReader:
    """Open a file or, for STDIN, standard input. Raises OSError, or UsageError if standard input is closed."""
    if name != STDIN:
        return Path(name).open("rb")
    if sys.stdin is None:
        raise UsageError("standard input is closed: give a FILE, or a pipe")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def file_size(name: str) -> int:
    """Bytes of a file, 0 of a pipe. Raises UsageError if it cannot be read."""
    try:
        if name != STDIN and Path(name).is_fifo():  # opening it would lose what is written into it before it is read
            return 0
        with open_file(name) as file:
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error


def read_records(file: BufferedReader) -> Iterator[tuple[int, list[Record | InvalidRecord]]]:
    """For each line that is not blank its number and its records, if any; where reading fails, the error as the last.

    An indented record over several lines has the number of the first.
    """
    lines_read = 0
    failure: Exception | None = None

    def lines() -> Iterator[bytes]:
        nonlocal lines_read, failure
        try:
            is_compressed = file.peek(2)[:2] == GZIP_MAGIC
            text = gzip.GzipFile(fileobj=file) if is_compressed else file
            while line := text.readline(MAX_LINE_BYTES):
                lines_read += 1
                yield line
        except (EOFError, OSError, zlib.error) as error:
            failure = error

    for number, line in join_multiline(lines()):
        if not line.isspace():
            yield number, list(records_in(line))
    if failure:
        yield lines_read + 1, [InvalidRecord(str(failure))]
