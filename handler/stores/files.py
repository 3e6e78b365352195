"""Files and standard input, opened to be read."""

import os
import sys
from io import FileIO
from pathlib import Path

from handler.errors import UsageError

STDIN = "-"
PARQUET_MAGIC = b"PAR1"


def open_file(name: str) -> FileIO:
    """Open a file or, for STDIN, standard input. Raises OSError, or UsageError if standard input is closed."""
    if name != STDIN:
        return Path(name).open("rb", buffering=0)
    if sys.stdin is None:
        raise UsageError("standard input is closed: give a FILE, or a pipe")
    return FileIO(sys.stdin.fileno(), "rb", closefd=False)


def file_size(name: str) -> int:
    """Bytes of a file, 0 of a pipe. Raises UsageError if it cannot be read."""
    return file_status(name).st_size


def file_status(name: str) -> os.stat_result:
    """The status of a file that can be read. Raises UsageError if it cannot."""
    try:
        if name != STDIN and Path(name).is_fifo():  # opening it would lose what is written into it before it is read
            return Path(name).stat()
        with open_file(name) as file:
            return os.fstat(file.fileno())
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error


def parquet_files(name: str) -> list[str]:
    """The Parquet files of a folder and the folders in it, in their order; the name itself if it is no folder.

    Raises UsageError if it cannot be read or holds no Parquet file.
    """
    if name == STDIN or not Path(name).is_dir():
        file_size(name)
        return [name]
    if files := sorted(str(path) for path in Path(name).rglob("*.parquet") if path.is_file()):
        return files
    raise UsageError(f"{name} is a folder without a Parquet file: give the files in it")


def is_parquet(name: str) -> bool:
    """Whether a file is Parquet by its first bytes. Not asked of a pipe, which can be read only once."""
    if name == STDIN or not Path(name).is_file():
        return False
    with open_file(name) as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
