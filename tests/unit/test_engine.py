"""What DuckDB needs of the machine, and one sentence where the machine does not have it."""

import tempfile
from typing import NoReturn

import pytest
from support.fakes import forbid_threads

from handler.errors import SourceError
from handler.reading.engine import Engine


def out_of_memory() -> NoReturn:
    raise MemoryError


def test_no_memory() -> None:
    """Memory that runs out in Python is the same sentence as in DuckDB."""
    with Engine() as engine:
        with pytest.raises(SourceError, match="give a shorter range or fewer pairs"):
            engine.in_thread(out_of_memory)
        engine.run("SET memory_limit = '1MB'")
        with pytest.raises(SourceError, match=r"give a shorter range or fewer pairs \("):
            engine.rows("SELECT list(range) FROM range(10_000_000)")


def test_a_full_disk() -> None:
    """What needs more room than the temporary folder has is a sentence."""
    with Engine() as engine:
        engine.run("SET memory_limit = '30MB'; SET max_temp_directory_size = '1MB'")
        with pytest.raises(SourceError, match=r"no room is left|more memory than there is"):
            engine.rows("SELECT * FROM range(9000000) ORDER BY md5(range::VARCHAR)")


def test_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of processes or threads is named."""
    with Engine() as engine:
        forbid_threads(monkeypatch)
        with pytest.raises(SourceError, match="no thread can be started"):
            engine.rows("SELECT 1")
        monkeypatch.undo()


def test_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without a folder for temporary files says which variable helps."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(SourceError, match="set TMPDIR"):
        Engine()
