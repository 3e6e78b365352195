"""Nothing that a folder stored is lost or mixed, whatever happens while it is written."""

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handler.errors import StoreError
from handler.record import Pair, Record, no_data
from handler.stores.folder import Folder
from handler.stores.store import PutResult

fcntl = pytest.importorskip("fcntl")

ROOT = Path(__file__).parents[2]
FULL = Record("2026-11-22T10:00:07Z", "BTCUSDT", 0.25, 5.0, 3.0, 5, interval_seconds=60, host="x")
PLAIN = Record("2026-11-22T23:59:59Z", "BTCUSDT", 0.25, 5.0, 3.0, 5)
NEXT_DAY = Record("2026-11-23T00:00:00Z", "BTCUSDT", 0.25, 5.0, 3.0, 5, "usdm", 60)
REASON = no_data("2026-11-22T10:01:00Z", Pair("BTCUSDT"), 5, 60, "timeout")
NO_DATA = no_data("2026-11-22T10:01:00Z", Pair("BTCUSDT"), 5)
DAY = "2026-11-22.jsonl"


def soon() -> float:
    return time.monotonic() + 20


def test_line_round_trip(tmp_path: Path) -> None:
    """Each record is its line in the file of its UTC day; a reason is not counted, an empty plain record left out.

    Keys of a newer version survive in lines that were read.
    """
    records = [FULL, PLAIN, NEXT_DAY, REASON, NO_DATA]
    assert Folder(tmp_path / "new/obi").put(records, soon()) == PutResult(3, 0, [], 0)
    files = {path.name: path.read_text() for path in (tmp_path / "new/obi").iterdir()}
    assert files == {
        DAY: "".join(f"{record.to_line()}\n" for record in (FULL, PLAIN, REASON)),
        "2026-11-23.jsonl": f"{NEXT_DAY.to_line()}\n",
    }
    line = FULL.to_line()[:-1] + ',"mood":1}'
    assert Folder(tmp_path).put_lines([(Record.from_line(line), line)], soon()) == PutResult(1, 0, [], 0)
    assert (tmp_path / DAY).read_text() == f"{line}\n"


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    """So that a run goes on. A torn line costs only itself."""
    folder = Folder(tmp_path / "obi")
    shutil.rmtree(tmp_path / "obi")
    assert folder.put([FULL], soon()).stored == 1
    (tmp_path / "obi" / DAY).write_text('{"timestamp":"2026-')
    assert folder.put([FULL], soon()).stored == 1
    assert (tmp_path / "obi" / DAY).read_text() == f'{{"timestamp":"2026-\n{FULL.to_line()}\n'


APPEND = """
import sys, time
from handler.record import Record
from handler.stores.folder import Folder
line, path, name, count = sys.argv[1:]
folder = Folder(path)
for number in range(int(count)):
    record = Record.from_line(line.replace('"x"', f'"{name}-{number}"'))
    assert not folder.put([record], time.monotonic() + 20).failed
    print(number, flush=True)
"""


def start_appending(path: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", APPEND, FULL.to_line(), str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def hosts(path: Path) -> list[str | None]:
    return [Record.from_line(line).host for line in path.read_text().splitlines()]


def test_two_writers(tmp_path: Path) -> None:
    """Every line of both is there once and whole, also if the file is moved away by a third one."""
    with start_appending(tmp_path, "a", 200) as first, start_appending(tmp_path, "b", 200) as second:
        assert first.stdout is not None
        for _ in range(50):
            first.stdout.readline()
        (tmp_path / DAY).rename(tmp_path / "moved")
        for process in (first, second):
            process.communicate(timeout=20)
    found = hosts(tmp_path / "moved") + hosts(tmp_path / DAY)
    assert Counter(found) == Counter(f"{name}-{number}" for name in "ab" for number in range(200))


@pytest.mark.parametrize("lines", [1, 40])
def test_kill_while_appending(tmp_path: Path, lines: int) -> None:
    """What was acknowledged is there; another writer goes on behind it, on a line of its own if the last is torn."""
    with start_appending(tmp_path, "a", 1_000_000) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged = lines + len(process.stdout.read().splitlines())
    Folder(tmp_path).put([PLAIN], soon())
    *killed, last = (tmp_path / DAY).read_text().splitlines()
    whole = killed[: max(acknowledged, len(killed) - 1)]  # behind them is at most the line that was being written
    assert [Record.from_line(line).host for line in whole] == [f"a-{number}" for number in range(len(whole))]
    assert len(whole) >= acknowledged
    assert last == PLAIN.to_line()


def test_full_disk(tmp_path: Path) -> None:
    """A batch that does not fit is reported whole, its part is taken back, and what was stored stays."""
    size = len(FULL.to_line()) + 1
    Folder(tmp_path).put([FULL], soon())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size * 2 + 100, limits[1]))
    try:
        result = Folder(tmp_path).put([FULL] * 2 + [NEXT_DAY], soon())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / DAY).read_text() == f"{FULL.to_line()}\n"
    assert (result.stored, [record for record, _ in result.failed]) == (1, [FULL, FULL])
    assert str(result.failed[0].error) == f"folder {tmp_path}: {DAY}: File too large"


def test_a_lock_that_somebody_keeps(tmp_path: Path) -> None:
    """It is waited for, until the deadline."""
    with (tmp_path / DAY).open("w") as file, ThreadPoolExecutor(1) as pool:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = pool.submit(Folder(tmp_path).put, [FULL], soon())
        with pytest.raises(TimeoutError):
            result.result(0.1)
        [failed] = Folder(tmp_path).put([FULL], time.monotonic() + 0.05).failed
        assert str(failed.error) == f"folder {tmp_path}: {DAY}: another process keeps the file locked"
        fcntl.flock(file, fcntl.LOCK_UN)
        assert result.result(20).stored == 1


@pytest.mark.parametrize(("path", "message"), [("file", "File exists"), ("/proc/obi", "")])
def test_what_cannot_be_a_folder(tmp_path: Path, path: str, message: str) -> None:
    """One sentence says so before anything is measured."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=rf"^folder .*: {message}.*; name a folder that can be written$"):
        Folder(tmp_path / path)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The records of that day are reported, and no others."""
    (tmp_path / DAY).mkdir()
    result = Folder(tmp_path).put([FULL, NEXT_DAY], soon())
    assert result.stored == 1
    assert str(result.failed[0].error) == f"folder {tmp_path}: {DAY}: Is a directory"
