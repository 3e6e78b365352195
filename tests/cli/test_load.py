"""`load` puts back what was printed: once, whatever fails on the way, and it says what it did."""

import fcntl
import gzip
import json
import os
import pty
import re
import signal
import subprocess
import termios
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Any

import pytest
from support.program import TEST_TIMEOUT_SECONDS, finished, run, start, until
from support.records import nth_full as full
from support.records import nth_plain as plain
from support.tables import StoredTable

from handler.cli.main import main
from handler.record import Record
from handler.slots import format_timestamp
from infra.testkit.table_proxy import FAULTS, Fault, TableProxy, error

Done = subprocess.CompletedProcess[str]
Capture = pytest.CaptureFixture[str]
PAST = 1_704_067_200  # 2024-01-01T00:00:00Z
COUNTS = ("loaded", "already there", "different", "no data", "expired", "invalid")
RECORDS = [full(number) if number % 3 else plain(number) for number in range(40)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_text(lines(*RECORDS))
    return path


def lines(*records: Record) -> str:
    return "".join(f"{record.to_line()}\n" for record in records)


def counts(done: Done) -> dict[str, int]:
    """What its last line counts, without zeros."""
    told = re.search(f"^obi: {', '.join(f'{name} ([0-9]+)' for name in COUNTS)}$", done.stderr.splitlines()[-1])
    assert told, done.stderr
    return {name: int(number) for name, number in zip(COUNTS, told.groups(), strict=True) if int(number)}


def load(*flags: object, **options: Any) -> Done:
    done = run("load", *flags, **options)
    assert done.stdout == ""
    return done


def in_order(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda one: (one.pair, one.timestamp))


def test_loading_twice_changes_nothing_and_says_so(stored: StoredTable, file: Path) -> None:
    done = load(file, **stored.environment)
    assert (done.returncode, counts(done), stored.records()) == (0, {"loaded": 40}, in_order(RECORDS))
    assert 'send these events to the archive function: {"day":"2026-11-22"}' in done.stderr
    assert "plain lines have no interval: the commonest interval" in done.stderr
    again = load(file, "-", text=file.read_text(), **stored.environment)
    assert (again.returncode, counts(again), stored.records()) == (0, {"already there": 80}, in_order(RECORDS))
    assert "days changed" not in again.stderr


def test_a_folder_gets_the_lines_as_they_were_from_files_and_from_a_pipe(tmp_path: Path, file: Path) -> None:
    log, newer = tmp_path / "log.gz", plain(301).to_line()[:-1] + ',"depth_change":1.50}'
    log.write_bytes(gzip.compress(json.dumps({"log": newer}).encode()))
    done = load("--to", tmp_path / "obi", file, log, "-", text=lines(RECORDS[0], plain(302)))
    assert (done.returncode, counts(done)) == (0, {"loaded": 42, "already there": 1})
    assert "archive" not in done.stderr
    (day,) = (tmp_path / "obi").iterdir()
    assert day.read_text() == file.read_text() + newer + "\n" + lines(plain(302))


def test_everything_is_counted_and_what_is_invalid_is_named(stored: StoredTable, tmp_path: Path) -> None:
    path, today = tmp_path / "lambda.log", int(time.time()) // 86_400 * 86_400
    now = [full(0, symbol="A", timestamp=format_timestamp(today + second)) for second in (0, 60, 61)]
    nothing, timeout = (full(0, symbol="A", obi=0.0, notional_bid=0.0, notional_ask=0.0, **more).to_line() for more in
                        ({"interval_seconds": None}, {"reason": "timeout"}))  # fmt: skip
    torn, bad = now[0].to_line()[:99], now[0].to_line().replace('"levels":5', '"levels":0')
    path.write_text("\n".join(["START", lines(*now), nothing, timeout, bad, torn, lines(plain(1)), "END"]))
    done = load(path, "-", "--retention-days", "1", text=path.read_text(), **stored.environment)
    assert (done.returncode, counts(done)) == (
        1, {"loaded": 2, "already there": 2, "different": 2, "no data": 4, "expired": 2, "invalid": 4}
    )  # fmt: skip
    assert f"obi: {path}:8: invalid: levels is 0" in done.stderr
    assert f"obi: {path}:9: invalid: a record that is cut off" in done.stderr


def test_the_interval_of_plain_lines_is_inferred_from_a_file_only(stored: StoredTable, tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text(lines(*(plain(0, timestamp=format_timestamp(PAST + 10 * number)) for number in range(20))))
    piped = load(text=path.read_text(), **stored.environment)
    assert (piped.returncode, counts(piped)) == (0, {"loaded": 4, "different": 16})
    assert piped.stderr.count("60 s is taken; set --interval_seconds N to override it") == 1
    done = load(path, **stored.environment)
    assert (counts(done), "(BTCUSDT 10 s)" in done.stderr) == ({"loaded": 16, "already there": 4}, True)
    given = load(path, "--interval_seconds", "10", **stored.environment)
    assert (counts(given), given.stderr.count("\n")) == ({"already there": 20}, 1)


def test_an_input_without_a_record_fails(tmp_path: Path, file: Path) -> None:
    (tmp_path / "other").write_bytes(b"\x1b[2J{}\n")
    done = load(tmp_path / "other", file, "--to", tmp_path / "obi")
    assert (done.returncode, counts(done)) == (1, {"loaded": 40})
    assert "other: no record was found, it begins with b'\\x1b[2J{}'" in done.stderr
    assert load("--to", tmp_path / "obi", "-", text="\n\n").returncode == 0  # it is empty


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("missing --to obi", "missing: there is no file"),
        (". --to obi", ".: there is no file"),
        ("-", "--table NAME or --to FOLDER"),
        ("- --to obi --retention-days 3", "--retention-days is for a table"),
        ("- --to obi --table x", "--table NAME or --to FOLDER"),
    ],
)
def test_mistakes_are_said_before_anything_is_loaded(
    tmp_path: Path, file: Path, flags: str, message: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["load", str(file), *flags.split()], {}) == 2
    _, err = capfd.readouterr()
    assert (err.count("\n"), message in err) == (1, True)
    assert not Path("obi").exists()


def test_a_terminal_is_not_waited_for_unless_it_is_named(tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    with os.fdopen(screen, "rb", buffering=0), os.fdopen(terminal, "rb", buffering=0) as stdin:
        done = finished(start("load", "--to", tmp_path / "obi", stdin=stdin))
    assert (done.returncode, "give a FILE" in done.stderr) == (2, True)


def pipe_into(stored: StoredTable, **variables: str) -> tuple["subprocess.Popen[str]", IO[str]]:
    process = start("load", stdin=subprocess.PIPE, **(stored.environment | variables))
    assert process.stdin
    return process, process.stdin


def test_records_of_a_pipe_are_stored_soon_and_a_signal_loses_none(stored: StoredTable) -> None:
    process, pipe = pipe_into(stored)
    pipe.write(lines(*RECORDS[:5]))
    pipe.flush()
    until(lambda: len(stored.records()) == 5)
    pipe.write("".join(json.dumps({"log": lines(one)}) + "\n" for one in RECORDS[5:8]))
    pipe.flush()
    until(lambda: is_empty(process))
    process.send_signal(signal.SIGTERM)
    process.wait(TEST_TIMEOUT_SECONDS)  # while its input is open
    done = finished(process)
    assert (done.returncode, counts(done)) == (128 + signal.SIGTERM, {"loaded": 8})
    assert stored.records() == in_order(RECORDS[:8])


def test_a_credential_process_takes_no_record(stored: StoredTable, proxy: TableProxy, tmp_path: Path) -> None:
    """It is started with an empty standard input, not with the records that are piped into `load`."""
    keys = '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s"}'
    greedy = tmp_path / "greedy.sh"
    greedy.write_text(f"#!/bin/sh\nhead -n 1 > {tmp_path}/taken\necho '{keys}'\n")
    greedy.chmod(0o700)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {greedy}\n")
    variables = stored.through(proxy.url) | {"AWS_CONFIG_FILE": f"{tmp_path}/config"}
    variables |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    process, pipe = pipe_into(stored, **variables)
    pipe.write(lines(*RECORDS[:5]))
    pipe.flush()
    until((tmp_path / "taken").exists)
    done = finished(process, lines(*RECORDS[5:]))
    assert (counts(done), (tmp_path / "taken").read_text()) == ({"loaded": 40}, "")


def is_empty(process: "subprocess.Popen[str]") -> bool:
    """True once a process has read its pipe and waits for more."""
    assert process.stdin
    unread = fcntl.ioctl(process.stdin.fileno(), termios.FIONREAD, bytes(4))
    return unread == bytes(4) and Path(f"/proc/{process.pid}/stat").read_text().split()[2] == "S"


def test_interrupted(stored: StoredTable, proxy: TableProxy, file: Path) -> None:
    """Although the table hangs: it ends soon, and says what may not be stored."""
    asked = threading.Event()
    with start("load", str(file), **stored.through(proxy.url)) as process:

        def hang(number: int) -> None:
            if number == 30:
                process.send_signal(signal.SIGINT)
            if number >= 30:
                asked.wait(TEST_TIMEOUT_SECONDS)

        proxy.on_request = hang
        done = finished(process)
        asked.set()
    told = counts(done)
    left = re.search("([0-9]+) records may not be stored: load the file again", done.stderr)
    assert (done.returncode, left is not None) == (128 + signal.SIGINT, True)
    assert told.get("loaded", 0) + told.get("already there", 0) <= 30


def test_a_put_that_failed_is_named_and_fails(stored: StoredTable, proxy: TableProxy, file: Path) -> None:
    proxy.faults["PutItem"] = deque(["ok", "denied", "throttled", "lost"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAULTS, "denied", Fault(error(400, "ItemCollectionSizeLimitExceededException")))
        done = load(file, **stored.through(proxy.url))
    assert (done.returncode, counts(done)) == (1, {"loaded": 39})
    assert "1 records not stored: table " in done.stderr
    assert counts(load(file, **stored.environment)) == {"loaded": 1, "already there": 39}
