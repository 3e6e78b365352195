"""`load` puts back what was printed: once, whatever fails on the way, and it says what it did."""

import gzip
import json
import os
import pty
import random
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.archive import PAST, Archive, lines, record
from support.program import PATIENCE_SECONDS, ROOT, environment, finished

from handler.cli import progress
from handler.record import Depth, Record, no_data
from handler.slots import format_timestamp
from handler.stores.items import item_from_record
from infra.testkit.table_proxy import TableProxy


@pytest.fixture
def faulty(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TableProxy]:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("handler.stores.bulk.backoff_seconds", lambda *_: 0)
    with TableProxy(moto_url) as found:
        yield found


def through(archive: Archive, faulty: TableProxy) -> Archive:
    """The same table, for programs that reach it through the proxy."""
    return replace(archive, environment=archive.environment | {"AWS_ENDPOINT_URL_DYNAMODB": faulty.url})


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """What it says at the end that it did; zeros are left out."""
    names = ("loaded", "already there", "different", "repeated", "no data", "expired", "not records", "invalid")
    told = re.search(f"^handler: {', '.join(f'{name} ([0-9]+)' for name in names)}$", done.stderr, re.MULTILINE)
    assert told
    return {name: int(number) for name, number in zip(names, told.groups(), strict=True) if int(number)}


Capture = pytest.CaptureFixture[str]
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def load(archive: Archive, capfd: Capture, tmp_path: Path) -> Callable[..., Done]:
    """Load files or bytes, in this process."""

    def run(what: Path | bytes, *flags: str, into: Archive = archive) -> Done:
        if isinstance(what, bytes):
            (tmp_path / "bytes").write_bytes(what)
            what = tmp_path / "bytes"
        code = into.run_here("load", str(what), *flags)
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        return Done([], code, told.out, told.err)

    return run


Load = Callable[..., Done]


def load_from_stdin(archive: Archive, data: bytes, *flags: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "handler", "load", *flags],
        cwd=ROOT, env=environment(**archive.environment), input=data, capture_output=True, timeout=PATIENCE_SECONDS,
        check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


RECORDS = [record(minute, symbol, host="x", mid=0.5) for minute in range(60) for symbol in ("BTCUSDT", "ETHUSDT")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_text(lines(RECORDS, detail=True))
    return path


def in_order(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda one: (one.symbol, one.timestamp))


def test_loading_twice_changes_nothing_and_says_so(archive: Archive, file: Path) -> None:
    done = archive.run("load", str(file))
    assert (done.returncode, done.stdout, done.stderr.count("\n"), counts(done)) == (0, "", 2, {"loaded": 120})
    before = archive.items()
    again = archive.run("load", str(file))
    assert (again.returncode, again.stderr.count("\n"), counts(again)) == (0, 1, {"already there": 120})
    assert archive.items() == before
    assert archive.records() == in_order(RECORDS)
    history = archive.run("history", "--symbol", "BTC", "ETH", "--since", "2024-01-01", "--detail")
    assert history.stdout == file.read_text()


def test_the_days_that_changed_are_named(archive: Archive, load: Load) -> None:
    """They are to be archived again. What was there already changes no day."""
    load(lines([record(0), record(1)]).encode())
    days = [0, 1, 2, 4]
    done = load(lines(record(1440 * day + minute) for day in days for minute in (0, 1)).encode())
    first, second, third, _, last = (format_timestamp(PAST + 86_400 * day)[:10] for day in range(5))
    assert counts(done) == {"loaded": 6, "already there": 2}
    assert f"days changed: {second} to {third}, {last};" in done.stderr
    assert first not in done.stderr


def test_keys_that_this_version_does_not_know_are_dropped_with_one_warning(
    archive: Archive, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    """From lines, from records within a log, and from CSV; not the keys that a log adds around a record."""
    newer = lines([record(0), record(1)]).replace("}", ',"depth_change":1.5,"aggressor":"x"}')
    csv = "timestamp,symbol,obi,notional_bid,notional_ask,levels,aggressor\n{},BTCUSDT,0.5,3.0,1.0,5,x\n"
    for number, text in enumerate([newer, json.dumps({"log": newer}), csv.format(format_timestamp(PAST))]):
        done = load(text.encode())
        assert counts(done).keys() <= {"loaded", "already there", "different", "not records"}, number
        assert sum("is not a key that this version knows" in message for message in caplog.messages) == 1
        caplog.clear()
    assert len(archive.records()) == 2
    around = json.loads(record(2).to_line(detail=False))
    done = load(json.dumps({"container": "obi", **around, "stream": "stdout"}).encode())
    assert (counts(done), "is not a key" in caplog.text) == ({"loaded": 1}, False)


def test_of_several_files_the_first_line_of_a_slot_wins_and_what_a_sampler_stored_stays(
    archive: Archive, tmp_path: Path
) -> None:
    archive.fill([item_from_record(record(0, obi=0.0), 60)])
    first, second = tmp_path / "first", tmp_path / "second.gz"
    first.write_text(lines([record(0, obi=0.5), record(1, obi=0.5), record(1, obi=0.75)]))
    second.write_bytes(gzip.compress(lines([record(1, obi=-0.5), record(2, obi=-0.5)]).encode()))
    done = load_from_stdin(
        archive, lines([record(2, obi=1.0), record(3, obi=1.0)]).encode(), *map(str, (first, second)), "-"
    )
    assert (done.returncode, counts(done)) == (0, {"loaded": 3, "different": 4})
    assert [one.obi for one in archive.records()] == [0.0, 0.5, -0.5, 1.0]


def test_of_two_samples_in_a_slot_of_this_hour_the_earliest_wins(archive: Archive, load: Load) -> None:
    slot = time.time() // 60 * 60 - 600
    recent = [
        record(symbol=f"S{number}", obi=obi)._replace(timestamp=format_timestamp(slot + second))
        for number in range(20)
        for obi, second in ((0.5, 9), (-0.5, 1))
    ]
    done = load(lines(recent).encode())
    assert (done.returncode, counts(done)) == (0, {"loaded": 20, "different": 20})
    assert {one.obi for one in archive.records()} == {-0.5}
    again = load(lines(recent).encode())
    assert counts(again) == {"already there": 20, "different": 20}
    assert counts(load(lines(recent[::2]).encode())) == {"different": 20}


def test_everything_is_counted_and_what_is_invalid_is_told_by_file_and_line_after_the_rest_is_in(
    archive: Archive, tmp_path: Path, load: Load
) -> None:
    path = tmp_path / "lambda.log"
    first, last = lines([record(0)]), lines([record(1)])
    pretty = json.dumps(record(2).values(detail=False), indent=2)
    path.write_text(
        "START RequestId: 0a1b\n"
        f"{first}\n"
        f"{lines([no_data(record(5).timestamp, 'BTCUSDT', Depth(5))])}"
        '{"timestamp":"2024-01-01T00:03:07Z","symbol":"BTCUSDT","obi":0.1\n'
        f"2026/11/22/[$LATEST]0a 2026-11-22T10:00:07 {pretty}\n"
        f"{lines([record(4)]).replace('0.25', '25')}"
        f"{last}END RequestId: 0a1b\n{lines([record(0)])}"
    )
    done = load(path)
    expected = {"loaded": 3, "repeated": 1, "no data": 1, "not records": 2, "invalid": 2}
    assert (done.returncode, counts(done)) == (1, expected)
    told = [line for line in done.stderr.splitlines() if ": invalid: " in line]
    assert [line.split(": invalid: ")[0] for line in told] == [f"handler: {path}:5", f"handler: {path}:14"]
    assert archive.records() == [record(minute) for minute in (0, 1, 2)]


def test_what_has_expired_is_not_stored_and_the_rest_expires_in_its_time(archive: Archive, load: Load) -> None:
    today = time.time() // 86_400 * 86_400
    days = {day: record()._replace(timestamp=format_timestamp(today - day * 86_400 + 86_399)) for day in (0, 2, 3, 4)}
    flags = ["--retention-days", "3", "--interval_seconds", "86400"]
    done = load(lines(days.values()).encode(), *flags)
    assert (done.returncode, counts(done)) == (0, {"loaded": 2, "expired": 2})
    assert [float(item["expires_at"]["N"]) for item in archive.items()] == [today + 86_400, today + 3 * 86_400]


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_compressed_file_that_is_cut_off_is_invalid_and_its_lines_are_in(
    archive: Archive, tmp_path: Path, load: Load, kept: float
) -> None:
    path = tmp_path / "000000.gz"
    whole = gzip.compress(
        "".join(f"{number} {line}\n" for number, line in enumerate(lines(RECORDS).splitlines())).encode()
    )
    path.write_bytes(whole[: int(len(whole) * kept)])
    done = load(path)
    told = counts(done)
    assert (done.returncode, told["invalid"] in (1, 2)) == (1, True)
    assert f"{path}:{told['loaded'] + 1}: invalid" in done.stderr
    assert archive.records() == in_order(RECORDS_WITHOUT_DETAIL[: told["loaded"]])
    assert told["loaded"] > 120 * kept * 0.5


RECORDS_WITHOUT_DETAIL = [Record(*one[:6]) for one in RECORDS]


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"\x00\xff\xfe\n", b"\x1f\x8b", gzip.compress(b"", mtime=0), b"{" * 100_000]
)
def test_any_input_is_counted(archive: Archive, load: Load, data: bytes) -> None:
    done = load(data)
    assert done.returncode == bool(data.strip() and data != gzip.compress(b"", mtime=0))
    assert (sum(counts(done).values()) > 0) == (done.returncode == 1)
    assert archive.items() == []


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_told_before_anything_is_loaded(
    archive: Archive, file: Path, tmp_path: Path, load: Load, name: str
) -> None:
    done = load(file, str(tmp_path / name))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{tmp_path / name}: " in done.stderr
    assert archive.items() == []


def test_a_closed_stdin_is_told(archive: Archive) -> None:
    command = ["/bin/sh", "-c", f'exec "{sys.executable}" -m handler load <&-']
    done = subprocess.run(
        command, cwd=ROOT, env=environment(**archive.environment), capture_output=True, encoding="utf-8",
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_pipe_that_has_a_name_is_read(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with archive.start("load", str(path)) as process:
        path.write_text(lines(RECORDS))
        done = finished(process)
    assert (done.returncode, counts(done)) == (0, {"loaded": 120})


def test_more_files_than_may_be_open_at_once_are_loaded(archive: Archive, tmp_path: Path) -> None:
    for number, one in enumerate(RECORDS):
        (tmp_path / f"{number}.gz").write_bytes(gzip.compress(lines([one]).encode()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        process = archive.start("load", *map(str, tmp_path.glob("*.gz")))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with process:
        done = finished(process)
    assert (done.returncode, counts(done)) == (0, {"loaded": 120})


FAULTS: dict[str, dict[str, list[str]]] = {
    "throttled": {"BatchGetItem": ["throttled"], "BatchWriteItem": ["throttled"] * 2},
    "500": {"BatchGetItem": ["500"], "BatchWriteItem": ["500"] * 2},
    "refused": {"BatchGetItem": ["refused"], "BatchWriteItem": ["refused", "lost", "lost"]},
    "unprocessed": {"BatchGetItem": ["unprocessed"] * 3, "BatchWriteItem": ["unprocessed"] * 9},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_table_that_fails_now_and_then_has_every_item_in_the_end(
    archive: Archive, faulty: TableProxy, file: Path, load: Load, fault: str
) -> None:
    faulty.faults = {operation: deque(faults) for operation, faults in FAULTS[fault].items()}
    archive.fill([item_from_record(record(7, obi=0.5), 60)])
    done = load(file, into=through(archive, faulty))
    assert (done.returncode, counts(done)) == (0, {"loaded": 119, "different": 1})
    assert not any(faulty.faults.values())
    assert archive.records() == [record(7, obi=0.5) if one[:2] == record(7)[:2] else one for one in in_order(RECORDS)]


def test_a_put_whose_answer_is_lost_is_counted_as_loaded(archive: Archive, faulty: TableProxy, load: Load) -> None:
    faulty.faults["PutItem"] = deque(["lost", "throttled", "refused"])
    recent = [record(symbol=f"S{number}")._replace(timestamp=format_timestamp(time.time() - 90)) for number in range(9)]
    done = load(lines(recent).encode(), into=through(archive, faulty))
    assert (done.returncode, counts(done)) == (0, {"loaded": 9})
    assert archive.records() == recent


def test_a_record_that_was_there_before_is_not_counted_as_loaded_though_its_put_would_be_retried(
    archive: Archive, faulty: TableProxy, load: Load
) -> None:
    recent = [record(symbol=f"S{number}")._replace(timestamp=format_timestamp(time.time() - 90)) for number in range(3)]
    archive.fill([item_from_record(recent[0], 60)])
    faulty.faults["PutItem"] = deque(["refused"] * 2)
    done = load(lines(recent).encode(), into=through(archive, faulty))
    assert (done.returncode, counts(done)) == (0, {"loaded": 2, "already there": 1})


def test_a_table_that_refuses_for_good_ends_it_with_the_counts_so_far(
    archive: Archive, faulty: TableProxy, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.cli.load.BATCH_SIZE", 100)
    faulty.on_request = lambda number: faulty.faults.update(BatchGetItem=deque(["500"] * (number > 4)))
    done = load(lines(RECORDS).encode(), into=through(archive, faulty))
    assert (done.returncode, counts(done), len(archive.items())) == (1, {"loaded": 100}, 100)
    assert "InternalServerError" in done.stderr


def test_of_one_sample_the_line_with_detail_is_stored_wherever_it_stands(archive: Archive, load: Load) -> None:
    """A file with both streams of the runner: what was not stored is there twice."""
    plain = [record(minute, symbol) for minute in range(60) for symbol in ("BTCUSDT", "ETHUSDT")]
    errors = [
        f"2024-01-01T01:00:00Z ERROR not stored: it is gone: {one}\n"
        for one in lines(RECORDS, detail=True).splitlines()
    ]
    done = load((lines(plain[:60]) + "".join(errors) + lines(plain[60:])).encode())
    assert (done.returncode, counts(done)) == (0, {"loaded": 120, "repeated": 120})
    assert archive.records() == in_order(RECORDS)


def test_a_line_with_detail_that_comes_within_a_batch_is_stored(
    archive: Archive, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.cli.load.BATCH_SIZE", 10)
    pairs = RECORDS_WITHOUT_DETAIL[:5]
    for number in range(5, 120):
        pairs += [RECORDS_WITHOUT_DETAIL[number], RECORDS[number - 5]]
    done = load(lines([*pairs, *RECORDS[-5:]], detail=True).encode())
    assert (done.returncode, counts(done)) == (0, {"loaded": 120, "repeated": 120})
    assert archive.records() == in_order(RECORDS)


def test_samples_that_share_a_slot_are_counted_and_the_flag_that_keeps_them_is_named(
    archive: Archive, load: Load
) -> None:
    close = [record()._replace(timestamp=format_timestamp(PAST + 10 * number)) for number in range(60)]
    done = load(lines(close).encode())
    assert (done.returncode, counts(done)) == (0, {"loaded": 10, "different": 50})
    assert "--interval_seconds 10 would keep them" in done.stderr
    assert archive.records() == close[::6]
    jittered = [record(levels=7)._replace(timestamp=format_timestamp(PAST + second)) for second in (2, 58, 61)]
    assert "--interval_seconds" not in load(lines(jittered).encode()).stderr


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"START RequestId: 0a1b\n", "Lambda"),
        (b'{"bids":[],"asks":[]}\n', "JSON, but nothing in it has the keys"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "zstd"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"{'timestamp': '2024-01-01T00:00:07Z'}", "Python"),
        (b"\x7fELF\x00\x01", "binary"),
        (b"time (UTC)           pair     levels\n", "--format table"),
        (b'{"timestamp":"2024-01-01T00:00:00Z","symbol":"BTCUSDT","levels":5,"obi_mean":0.1,"n":5}\n', "--every"),
        (b"timestamp,symbol,obi,notional_bid,notional_ask,levels\n", "CSV without a row"),
        (b"hello \x1b[2J\n", "it begins with 'hello "),
    ],
)
def test_an_input_without_a_record_fails_with_a_hint(load: Load, data: bytes, hint: str) -> None:
    done = load(data)
    assert done.returncode == 1
    assert hint in done.stderr
    assert "\x1b" not in done.stderr


def test_a_file_without_a_record_is_named_and_the_others_are_loaded(archive: Archive, file: Path) -> None:
    page, empty = file.with_name("page.html"), file.with_name("empty.log")
    page.write_text("<!DOCTYPE html>")
    empty.touch()
    done = archive.run("load", str(file), str(page), str(empty))
    assert done.returncode == 1
    assert f"{page}: no record was found: it looks like a page of HTML" in done.stderr
    assert done.stderr.count("no record was found") == 1
    assert counts(done)["loaded"] == len(archive.records()) > 0


def pipe_into(archive: Archive) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "handler", "load"], cwd=ROOT, env=environment(**archive.environment),
        stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def until_stored(archive: Archive, count: int, seconds: float) -> float:
    start = time.monotonic()
    while len(archive.items()) < count:
        assert time.monotonic() - start < seconds
        time.sleep(0.05)
    return time.monotonic() - start


@pytest.mark.parametrize("wrap", [str, lambda line: json.dumps({"log": f"{line}\n"})], ids=["printed", "docker"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_records_of_a_pipe_are_stored_soon_and_a_signal_loses_none(
    archive: Archive, stop: signal.Signals, wrap: Callable[[str], str]
) -> None:
    with pipe_into(archive) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        for number, one in enumerate(RECORDS[:8]):
            process.stdin.write(wrap(one.to_line(detail=True)).encode() + b"\n")
            process.stdin.flush()
            if number == 4:
                until_stored(archive, 5, PATIENCE_SECONDS)
        time.sleep(0.3)  # the last three have been read by then, and not stored
        process.send_signal(stop)
        done = Done([], process.wait(PATIENCE_SECONDS), "", process.stderr.read().decode())
    assert (done.returncode, counts(done)) == (0, {"loaded": 8})
    assert len(archive.items()) == 8


def test_a_signal_while_a_file_is_read_stores_what_was_read(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_text(lines(record(minute, symbol) for minute in range(1000) for symbol in "ABCDEFGHIJKLMNOPQRST"))
    with archive.start("load", str(path)) as process:
        until_stored(archive, 1, PATIENCE_SECONDS)
        process.send_signal(signal.SIGINT)
        done = finished(process)
    told = counts(done)
    left = re.search("([0-9]+) records were read", done.stderr)
    assert done.returncode == 0
    assert "invalid" not in told
    confirmed = told.get("loaded", 0) + told.get("already there", 0)
    assert confirmed <= len(archive.items()) <= confirmed + int(left[1] if left else 0) < 20_000


def kill_at(last: int, process: "subprocess.Popen[str]", number: int) -> None:
    if number >= last:
        process.kill()


def test_killed_at_any_moment_and_run_again_it_ends_with_exactly_all_items(
    archive: Archive, faulty: TableProxy, tmp_path: Path
) -> None:
    path, chance = tmp_path / "records", random.Random(4)
    records = [record(minute, symbol) for minute in range(300) for symbol in ("A", "B", "C", "D")]
    path.write_text(lines(records))
    for _ in range(2):
        last = len(faulty.operations) + chance.randint(14, 58)
        with through(archive, faulty).start("load", str(path)) as process:
            faulty.on_request = partial(kill_at, last, process)
            process.wait(PATIENCE_SECONDS)
        assert process.returncode == -signal.SIGKILL
    assert 0 < len(archive.items()) < len(records)
    done = archive.run("load", str(path))
    told = counts(done)
    assert (done.returncode, told["loaded"] + told["already there"]) == (0, len(records))
    assert archive.records() == sorted(records, key=lambda one: (one.symbol, one.timestamp))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_it_says_what_is_in(
    archive: Archive, faulty: TableProxy, file: Path, stop: signal.Signals
) -> None:
    asked = threading.Event()
    with through(archive, faulty).start("load", str(file)) as process:

        def hang(_: int) -> None:
            process.send_signal(stop)
            asked.wait(PATIENCE_SECONDS)

        faulty.on_request = hang
        done = finished(process)
        asked.set()
    assert (done.returncode, counts(done)) == (0, {})


def test_long_work_shows_how_far_it_is_on_a_terminal_only(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0)
    monkeypatch.setattr(progress, "UPDATE_EVERY_ITEMS", 1)
    monkeypatch.setenv("TERM", "xterm")
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stderr, file.open("rb") as opened, os.fdopen(screen, "rb", buffering=0) as shown:
        monkeypatch.setattr(sys, "stderr", stderr)
        with progress.Progress(2 * file.stat().st_size) as bar:
            assert list(bar.watch(opened, iter(opened.readline, b""))) == file.read_bytes().splitlines(keepends=True)
        text = b""
        while b"50%" not in text and select.select([shown], [], [], 5)[0]:
            text += shown.read(100_000)
        assert b"50%" in text


def test_on_a_pipe_no_progress_is_shown(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0)
    monkeypatch.setattr(progress, "UPDATE_EVERY_ITEMS", 1)
    with file.open("rb") as opened, progress.Progress(1) as bar:
        assert len(list(bar.watch(opened, opened))) == 120
    assert capfd.readouterr() == ("", "")
