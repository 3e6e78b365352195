"""The acts of stdout: a reader that is slow and then gone, and a disk that is full."""

import fcntl
import os
import threading
import time
from pathlib import Path

from infra.chaos.books import Books
from infra.chaos.cast import SIX, Cast
from infra.chaos.stage import Stage


def slow_reader(stage: Stage) -> Books:
    """A reader that takes a line now and then, so that the runner cannot get rid of its lines; then it goes away."""
    with Cast(stage, "slow-reader", SIX[:4]) as cast:
        cast.exchange()
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        with os.fdopen(writing, "wb") as pipe:
            program = cast.start(stdout=pipe, broken=True)
        reader = threading.Thread(target=_read_slowly, args=(reading, program.stdout, stage.seconds))
        reader.start()
        reader.join()
        code = program.wait()
        cast.silent = True  # what was in the pipe when it was closed is in the table, and nobody has read it
        books = cast.books()
        expect(books, code == 0, f"slow-reader: exit code {code} after its reader had gone")
        return books


def full_disk(stage: Stage) -> Books:
    """A full disk behind stdout: one sentence, exit code 1, and the first tick is stored all the same."""
    with Cast(stage, "full-disk", SIX[:2], interval=5) as cast, Path("/dev/full").open("wb") as disk:
        cast.exchange()
        cast.silent = True
        code = cast.start(stdout=disk, broken=True).wait()
        books = cast.books()
        expect(books, code == 1, f"full-disk: exit code {code}")
        return books


def expect(books: Books, fine: bool, otherwise: str) -> None:
    """Note what is not as it should be."""
    if not fine:
        books.problems.append(otherwise)


def _read_slowly(reading: int, path: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    with os.fdopen(reading, "rb") as lines, path.open("ab") as kept:
        while time.monotonic() < end and (line := lines.readline()):
            kept.write(line)
            kept.flush()
            time.sleep(0.25)
