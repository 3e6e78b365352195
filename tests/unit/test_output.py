"""A file that is written is complete or not there."""

import os
import resource
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from handler.cli import Write
from handler.cli.output import Formats, check_format, complete_file
from handler.errors import HandlerError, UsageError


def test_renamed_when_complete(tmp_path: Path) -> None:
    """Until it is complete, the old file is there, and the new one under another name of the same folder."""
    path = tmp_path / "a.csv"
    path.write_text("old")
    with complete_file(str(path)) as file:
        file.write(b"new")
        assert path.read_text() == "old"
        assert len(list(tmp_path.iterdir())) == 2
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def fail_after(file: IO[bytes], error: type[BaseException]) -> None:
    file.write(b"new")
    raise error


@pytest.mark.parametrize("error", [HandlerError, KeyboardInterrupt])
def test_nothing_left(tmp_path: Path, error: type[BaseException]) -> None:
    """On failure or interrupt nothing new is left behind, and the old file stays."""
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(error), complete_file(str(path)) as file:
        fail_after(file, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_link(tmp_path: Path) -> None:
    """A link stays one: the file that it names is replaced."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with complete_file(str(link)) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_mode(tmp_path: Path) -> None:
    """The file can be read by whom the user's umask lets read it."""
    before = os.umask(0o027)
    try:
        with complete_file(str(tmp_path / "a")):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", [".", os.devnull])
def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A folder or a device is never replaced."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is not a file"), complete_file(name):
        pass


def test_no_folder(tmp_path: Path) -> None:
    """A folder that does not exist is named before anything is read."""
    path = tmp_path / "no" / "a.csv"
    with pytest.raises(HandlerError, match=r"/no/a.csv cannot be written: No such file"), complete_file(str(path)):
        raise AssertionError


@contextmanager
def max_file_size(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def write_text(rows: Iterable[tuple[str]], write: Write) -> None:
    for (text,) in rows:
        write(text)


@pytest.mark.parametrize("name", ["text", "parquet"])
def test_full_disk(tmp_path: Path, name: str) -> None:
    """If the disk is full, one sentence names the file that was requested, and nothing is left."""
    formats = Formats({"text": write_text}, [("host", str)], lambda row: row)
    path = tmp_path / "a"
    rows = iter([(f"{number:0999}",) for number in range(1000)])
    with max_file_size(1000), pytest.raises(HandlerError, match=r"^--output \S+/a cannot be written: File too large$"):
        formats.write(name, rows, str(path), lambda line: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [("parquet", "--output"), ("xml", "jsonl, csv, table, parquet")])
def test_check(name: str, words: str) -> None:
    """Parquet without a file, and a format that does not exist, are refused with what to do."""
    with pytest.raises(UsageError, match=words):
        check_format(name, None)
