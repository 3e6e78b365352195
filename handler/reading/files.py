"""Finds the files to read in folders, globs, pipes and standard input, and inspects each before DuckDB reads it."""

import codecs
import os
import re
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import UsageError

STDIN = "-"
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".pq")  # of the files in a folder that are read
HEAD_BYTES = 1 << 20
MAX_LINE_CHARACTERS = 100_000  # a record has less than 10,000; DuckDB takes 2,000,000 bytes
CHUNK_BYTES = 1 << 16
RECORD = b'"notional_bid"'
ENCODINGS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
KINDS = (
    (r"\s*\[", "a JSON array, not lines: `load FILE --to FOLDER` takes the records out of it"),
    (r"\s*<(!doctype|\?xml|html)", "a page of HTML or XML"),
    (r"[^{\n]*\btimestamp\b[^{\n]*,", "CSV, which is an output, not a source: keep the lines or Parquet"),
    (r".*\"obi_mean\"", "what history writes with --every: means, not samples"),
    (r"\s*\{\"pair\"", "what history writes with --gaps, or series"),
    (r"BZh|\ufffd7zXZ|PK\x03\x04|7z\ufffd|Rar!", "compressed in another way than gzip or zstd: decompress it first"),
    (r"[^\n]*[\0\ufffd]", "binary data"),
)


class File(NamedTuple):
    """One file to read: its name for messages, the path of its content, and `none`, `gzip`, `zstd` or `parquet`."""

    name: str
    path: str
    kind: str


class Problem(NamedTuple):
    """A sentence about something that cannot be read; harmless if it lies beside good files and needs no action."""

    text: str
    is_harmless: bool = False


def find_files(names: Sequence[str], folder: Path) -> tuple[list[File], list[Problem]]:
    """Finds the files of records under these names, and a problem for each other one; pipes are copied to `folder`.

    Raises UsageError for a name that is not there.
    """
    files: list[File] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(path for name in names for path in _paths(name, problems)):
        try:
            found = inspect(path, folder)
        except OSError as error:
            found = Problem(f"{path}: {error.strerror}")
        except zlib.error as error:
            found = Problem(f"{path} is not a whole gzip file: {error}")
        if isinstance(found, Problem):
            problems.append(found)
        else:
            files.append(found)
    return files, problems


def _paths(name: str, problems: list[Problem]) -> Iterator[str]:
    if name == STDIN:
        yield name
    elif Path(name).is_dir():
        yield from _folder(name, problems)
    elif Path(name).exists():
        yield name
    elif has_magic(name):
        found = sorted(glob(name, recursive=True))  # noqa: PTH207 - of a text
        if not found:
            raise UsageError(f"{name}: no file has such a name")
        for path in found:
            yield from _paths(path, problems)
    else:
        raise UsageError(f"{name}: no such file or folder")


def _folder(name: str, problems: list[Problem]) -> Iterator[str]:
    """The files of records in a folder and the folders in it, linked ones too; not what begins with . or _."""
    others: list[str] = []
    count, seen = 0, set()
    for parent, folders, files in os.walk(name, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = sorted(each for each in folders if each[0] not in "._" and real not in seen)
        for file in sorted(each for each in files if each[0] not in "._" and real not in seen):
            path = os.path.join(parent, file)  # noqa: PTH118 - keeps a ./ in front
            if file.lower().endswith(SUFFIXES):
                count += 1
                yield path
            else:
                others.append(path)
        seen.add(real)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        text = f"passed over {', '.join(others[:3])}{more}: in a folder, only {', '.join(SUFFIXES)} are read"
        problems.append(Problem(text, is_harmless=count > 0))
    elif not count:
        problems.append(Problem(f"{name} has no file of records: only {', '.join(SUFFIXES)} are read"))


def inspect(name: str, folder: Path) -> File | Problem:
    """The kind of a file by its first bytes. Raises OSError, or UsageError if standard input is closed."""
    path = name if name != STDIN and Path(name).is_file() else _copy_of_pipe(name, folder)
    shown = "standard input" if name == STDIN else name
    with Path(path).open("rb") as file:
        head = file.read(HEAD_BYTES)
    for mark, kind in ((b"PAR1", "parquet"), (b"\x28\xb5\x2f\xfd", "zstd")):
        if head.startswith(mark):
            return File(shown, path, kind)
    kind = "gzip" if head.startswith(b"\x1f\x8b") else "none"
    if kind == "gzip":
        member = zlib.decompressobj(31)
        head = member.decompress(head, HEAD_BYTES)
        if not head.strip() and member.unused_data:  # the records may be in the next member
            return File(shown, path, kind)
    if not head.strip() and len(head) < HEAD_BYTES:
        return Problem(f"{shown}: no record was found: it is empty", is_harmless=True)
    if encoding := next((name for mark, name in ENCODINGS if head.startswith(mark)), None):
        copy, problem = clean_copy(File(shown, path, kind), folder, encoding)
        return problem or copy
    if RECORD in head.replace(b"\0", b"") and not head.lstrip().startswith(b"["):
        return File(shown, path, kind)
    return Problem(f"{shown}: no record was found: {describe(head)}")


def describe(head: bytes) -> str:
    """Describe a text without a record."""
    beginning = head[:4000].decode(errors="replace")
    for pattern, kind in KINDS:
        if re.match(pattern, beginning, re.IGNORECASE | re.DOTALL):
            return f"it looks like {kind}"
    line = (beginning.splitlines() or [""])[0]
    return f"it begins with {line[:60]!r}{'…' if len(line) > 60 else ''}"


def new_path(folder: Path) -> Path:
    """A path in a folder that is not taken."""
    return folder / f"{sum(1 for _ in folder.iterdir())}.jsonl"


def _copy_of_pipe(name: str, folder: Path) -> str:
    copy = new_path(folder)
    if name == STDIN and sys.stdin is None:
        raise UsageError("standard input is closed: give a file, or a pipe")
    source = open(sys.stdin.fileno(), "rb", closefd=False) if name == STDIN else Path(name).open("rb")  # noqa: SIM115
    with source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, CHUNK_BYTES)
    return str(copy)


def clean_copy(file: File, folder: Path, encoding: str = "utf-8") -> tuple[File, Problem | None]:
    """A copy of a text that DuckDB refuses: as UTF-8, without NUL bytes, overlong lines cut, gzip members decompressed.

    What was appended in another encoding or compression is read as far as it can be; the problem is what cannot.
    """
    copy = new_path(folder)
    problem = None
    decode = _decoder(encoding)
    with Path(file.path).open("rb") as source, copy.open("w", encoding="utf-8", newline="\n") as target:
        try:
            for line in _lines(map(decode, _segments(source))):
                target.write(line[:MAX_LINE_CHARACTERS].replace("\0", "") + "\n")
        except (zlib.error, EOFError) as error:
            problem = Problem(f"{file.name} is damaged: what follows is not read: {error}")
    return File(file.name, str(copy), "none"), problem


def _decoder(encoding: str) -> Callable[[bytes], str]:
    """Decodes pieces of a text; what was appended to UTF-16 or UTF-32 in UTF-8 is read as that."""
    first, appended = (codecs.getincrementaldecoder(name)(errors="replace").decode for name in (encoding, "utf-8"))
    is_appended = encoding == "utf-8"

    def decode(data: bytes) -> str:
        nonlocal is_appended
        start = -1 if is_appended else data.find(b'{"')  # two characters of ASCII are never neighbours in UTF-16
        if start < 0:
            return appended(data) if is_appended else first(data)
        is_appended = True
        return f"{first(data[:start])}\n{appended(data[start:])}"

    return decode


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        yield from lines
        rest = rest[: 2 * MAX_LINE_CHARACTERS]
    yield rest


def _segments(source: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file, its gzip members decompressed. Raises zlib.error, or EOFError if one is cut off."""
    member, data = None, b""
    while data := data or source.read(CHUNK_BYTES):
        if member is None:
            start = data.find(b"\x1f\x8b\x08")
            yield data if start < 0 else data[:start]
            data = b"" if start < 0 else data[start:]
            member = None if start < 0 else zlib.decompressobj(31)
        else:
            yield member.decompress(data)
            data = member.unused_data
            member = None if member.eof else member
    if member is not None:
        raise EOFError("it is cut off")
