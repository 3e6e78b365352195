"""Finds the files to read in folders, globs, pipes and standard input, and their kinds by their first bytes."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

from ..errors import UsageError

STDIN = "-"
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".pq")  # of the files in a folder that are read
MAX_ROWS_OF_FILE = 1 << 40  # more than any file has
MAGIC = {b"PAR1": "parquet", b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip"}

log = logging.getLogger(__name__)


class File(NamedTuple):
    """One file to read: its name for messages, the path of its content, and `none`, `gzip`, `zstd` or `parquet`."""

    name: str
    path: str
    kind: str = "none"


def find_files(names: Sequence[str], folder: Path, failures: list[str]) -> list[File]:
    """Find the files of records under these names, and add what cannot be read to `failures`.

    Pipes are copied to `folder`. Raises UsageError for a name that is not there.
    """
    files = []
    for path in dict.fromkeys(path for name in names for path in _paths(name, failures)):
        try:
            files.append(_inspect(path, folder))
        except OSError as error:
            failures.append(f"{path}: {error.strerror}")
    return files


def file_row(file: str, row: str) -> str:
    """Return SQL for a number that is unique for a row of a file; file and row are counted from 0."""
    return f"({file})::BIGINT * {MAX_ROWS_OF_FILE} + {row}"


def new_path(folder: Path) -> Path:
    """Create an empty file under a new name in a folder."""
    descriptor, name = tempfile.mkstemp(suffix=".jsonl", dir=folder)
    os.close(descriptor)
    return Path(name)


def _paths(name: str, failures: list[str]) -> Iterator[str]:
    if Path(name).is_dir():
        yield from _folder(name, failures)
    elif name == STDIN or Path(name).exists():
        yield name
    elif has_magic(name):
        found = sorted(glob(name, recursive=True))  # noqa: PTH207 - of a text
        if not found:
            raise UsageError(f"{name}: no file has such a name")
        for path in found:
            yield from _paths(path, failures)
    else:
        raise UsageError(f"{name}: no such file or folder")


def _folder(name: str, failures: list[str]) -> Iterator[str]:
    """Yield the files of records in a folder and its folders, linked ones too; not names that begin with . or _."""
    found: list[str] = []
    others: list[str] = []
    seen = set()
    for parent, folders, files in os.walk(name, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = _visible(folders) if real not in seen else []
        for file in _visible(files) if real not in seen else []:
            path = os.path.join(parent, file)  # noqa: PTH118 - keeps a ./ in front
            (found if file.lower().endswith(SUFFIXES) else others).append(path)
        seen.add(real)
    if not found:
        failures.append(f"{name} has no file of records: only {', '.join(SUFFIXES)} are read")
    elif others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        log.warning("left out %s%s: only %s are read", ", ".join(others[:3]), more, ", ".join(SUFFIXES))
    yield from found


def _visible(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name[0] not in "._")


def _inspect(name: str, folder: Path) -> File:
    """Raises OSError, or UsageError if standard input is closed."""
    path = name if name != STDIN and Path(name).is_file() else _copy_of_pipe(name, folder)
    with Path(path).open("rb") as file:
        head = file.read(4)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "none")
    return File("standard input" if name == STDIN else name, path, kind)


def _copy_of_pipe(name: str, folder: Path) -> str:
    if name == STDIN and sys.stdin is None:
        raise UsageError("standard input is closed: give a file, or a pipe")
    copy = new_path(folder)
    source = open(sys.stdin.fileno(), "rb", closefd=False) if name == STDIN else Path(name).open("rb")  # noqa: SIM115
    with source, copy.open("wb") as target:
        shutil.copyfileobj(source, target)
    return str(copy)
