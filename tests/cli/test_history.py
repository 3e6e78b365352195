"""`history` and `series` read whatever stores records, write complete files or none, and say what they cannot read."""

import bz2
import codecs
import gzip
import os
import pty
import signal
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support import records
from support.ask import ask, write_lines
from support.program import finished, run, shell, start
from support.tables import StoredTable, new_table

from handler.cli.main import main
from handler.record import Record
from handler.slots import format_timestamp
from handler.stores.item import item_from_record

Capture = pytest.CaptureFixture[str]


def minute(number: int, **changes: Any) -> Record:
    return records.full(timestamp=format_timestamp(1_793_491_200 + 60 * number + 7), **changes)


FOUND = [minute(number) for number in range(10)]
LINES = [record.to_line(detail=False) for record in FOUND]
TEXT = "".join(f"{record.to_line()}\n" for record in FOUND).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "obi").mkdir()
    return write_lines(tmp_path / "obi" / "2026-11-01.jsonl", *FOUND).parent


def zstd(path: Path) -> None:
    lines = ", ".join(f"('{line.decode()}')" for line in TEXT.splitlines())
    options = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', COMPRESSION zstd"
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {lines})) TO '{path}' ({options})")


UTF_16 = TEXT.decode().encode("utf-16")
SOURCES = {
    "a.log": TEXT,
    "no end": TEXT.rstrip(),
    "crlf": TEXT.replace(b"\n", b"\r\n\r\n"),
    "bom": codecs.BOM_UTF8 + TEXT + codecs.BOM_UTF8 + TEXT,
    "utf-16": UTF_16,
    "utf-16 appended": TEXT + UTF_16[2:],
    "utf-16 and its mark appended": TEXT + UTF_16,
    "appended to utf-16": UTF_16 + TEXT,
    "gzip members": gzip.compress(TEXT) * 2 + bytes(512),
    "empty gzip, then gzip": gzip.compress(b"") + gzip.compress(TEXT),
    "text, then gzip": TEXT[: len(TEXT) // 2] + gzip.compress(TEXT),
    "gzip, then text": gzip.compress(TEXT) + TEXT,
    "bzip2": bz2.compress(TEXT),
    "zeros of a crash": TEXT + bytes(4096) + TEXT,
    "spaces": TEXT.replace(b'":', b'": ').replace(b"\n", b"  \n"),
    "a log": TEXT.replace(b"{", b"2026-11-01 INFO {"),
    "an array": b"[" + TEXT.replace(b"\n", b",\n")[:-2] + b"]",
    "an array in one line": b"[" + b",".join(TEXT.splitlines() * 150) + b"]",
    "a [1]?.jsonl": TEXT,
}


@pytest.mark.parametrize("name", [*SOURCES, "a.zst"])
def test_every_kind_of_file_is_read(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    zstd(tmp_path / name) if name == "a.zst" else (tmp_path / name).write_bytes(SOURCES[name])
    assert ask("--from", tmp_path / name) == (0, LINES)
    assert caplog.text == ""


def test_folders_globs_links_and_pipes(folder: Path) -> None:
    """Folders are read with the folders in them, linked ones too, but for names that begin with . or _."""
    for name in ("elsewhere", ".hidden", "obi/_temporary"):
        (folder.parent / name).mkdir()
        write_lines(folder.parent / name / "b.JSONL", minute(20))
    (folder / "day").symlink_to(folder.parent / "elsewhere")
    (folder / "day" / "loop").symlink_to(folder)
    write_lines(folder / "._c.jsonl", minute(30))
    expected = [*LINES, minute(20).to_line(detail=False)]
    assert ask("--from", folder).lines == expected
    assert ask("--from", f"{folder.parent}/obi/*.jsonl", folder / "day" / "b.JSONL").lines == expected
    assert shell(f"cat {folder}/*.jsonl | handler history --from -").stdout.splitlines() == LINES
    pipe = f"mkfifo {folder}/p; gzip -c {folder}/2026-11-01.jsonl > {folder}/p & handler history --from {folder}/p"
    assert shell(pipe).stdout.splitlines() == LINES


BAD: dict[str, tuple[bytes, str]] = {
    "csv": (b"timestamp,symbol,obi\n2026-11-01T00:00:00Z,BTCUSDT,0.5\n", "line 1: invalid: not JSON"),
    "steps": (b'{"timestamp":"2026-11-01T00:00:00Z","obi_mean":0.5}\n', "line 1: invalid: Object missing"),
    "binary": (bytes(range(256)), "line 1: invalid: not JSON"),
    "cut.parquet": (b"PAR1" + bytes(100), "No magic bytes found"),
    "foreign.parquet": (b"", "without a column timestamp"),
    "cut.gz": (gzip.compress(os.urandom(5000) + TEXT)[:3000], "cut off"),
    "cut.zst": (b"\x28\xb5\x2f\xfd\x04\x58\x41", "cut off"),
    "half.gz": (gzip.compress(TEXT * 20 + os.urandom(99999))[:90000], "cut off"),
    "invalid": (TEXT.replace(b'"obi":', b'"obi":7', 1), "line 1: invalid: obi is 70.153847"),
    "text": (TEXT.replace(b'"levels":5', b'"levels":true', 1), "levels"),
    "many": (TEXT.replace(b'"obi":', b'"obi":7', 7), "2 more invalid line(s)"),
    "nan": (TEXT.replace(b'"notional_bid":', b'"notional_bid":-', 1), "notional_bid"),
    "time": (TEXT.replace(b"T00:00:07Z", b"T00:61:07Z", 1), "timestamp"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_named_and_the_rest_is_read(
    name: str, folder: Path, capfd: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    path, (data, message) = folder.parent / name, BAD[name]
    path.write_bytes(data)
    if name == "foreign.parquet":
        duckdb.execute(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
    code = main(["history", "--from", str(folder), str(path)])
    assert capfd.readouterr().out.splitlines() == LINES
    assert message in caplog.text
    assert name in caplog.text
    assert code == 1
    assert main(["history", "--from", str(path)]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_a_damaged_parquet_file_costs_only_itself(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = folder.parent / "whole.parquet"
    assert ask("--from", folder, "--output", whole).code == 0
    data = whole.read_bytes()
    (folder / "damaged.parquet").write_bytes(data[:4] + bytes(99) + data[103:])
    (folder / "2026-11-01.jsonl").unlink()
    whole.rename(folder / "whole.parquet")
    assert ask("--from", folder) == (1, LINES)
    assert "damaged.parquet" in caplog.text
    assert "whole.parquet" not in caplog.text


@pytest.mark.parametrize(
    "value", ["0 AS interval_seconds", "1e300 AS levels", "TIMESTAMPTZ '99999-01-01' AS timestamp"]
)
def test_a_bad_row_of_parquet_costs_only_itself(value: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole, path = folder.parent / "whole.parquet", folder.parent / "x.parquet"
    assert ask("--from", folder, "--output", whole).code == 0
    new, _, column = value.partition(" AS ")
    changed = f"if(file_row_number = 1, {new}, {column}) AS {column}"
    rows = f"SELECT * REPLACE ({changed}) FROM read_parquet('{whole}')"
    duckdb.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    assert ask("--from", path) == (1, [LINES[0], *LINES[2:]])
    assert "row 2: invalid" in caplog.text


@pytest.mark.parametrize("data", [b"", b"\n \r\n", gzip.compress(b"")], ids=["empty", "blank", "gzip"])
def test_nothing_to_read(data: bytes, folder: Path, capfd: Capture) -> None:
    """What is empty beside good files is no failure; alone it is one."""
    (folder / "empty.jsonl").write_bytes(data)
    assert ask("--from", folder) == (0, LINES)
    assert main(["history", "--from", str(folder / "empty.jsonl"), "--gaps"]) == 1
    assert "no record in" in capfd.readouterr().err


def test_other_files_of_a_folder_are_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "notes.txt").write_text("hello")
    assert ask("--from", folder) == (0, LINES)
    assert "notes.txt" in caplog.text
    (folder / "2026-11-01.jsonl").unlink()
    assert main(["history", "--from", str(folder)]) == 1


@pytest.mark.parametrize("turn", ["torn", "glued", "beginning"])
def test_torn_lines_are_a_warning(turn: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A crash tore a line; what was appended behind it is read. Gaps are found as ever."""
    text = {
        "torn": TEXT + TEXT[:300],
        "glued": minute(-1, notional_bid=7.0).to_line().encode()[:300] + TEXT,
        "beginning": TEXT[50:] + TEXT,
    }[turn]
    (folder / "2026-11-01.jsonl").write_bytes(text)
    write_lines(folder / "later.jsonl", minute(12))
    assert ask("--from", folder).lines[:10] == LINES
    answer = ask("--from", folder, "--gaps")
    assert answer.code == 3
    assert answer.rows[-1]["missing"] == 2
    assert "torn line" in caplog.text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "nothing to read: give --from FOLDER or FILE, or --table NAME"),
        ("--from {0} --table obi", "mutually exclusive"),
        ("--from nowhere", "nowhere: no such file or folder"),
        ("--from {0}/*.nothing", "no file has such a name"),
        ("--table obi", "a table is read by pair"),
        ("--from {0} --gaps --every 1h", "mutually exclusive"),
        ("--from {0} --every 5", "--every 5 is not a step"),
        ("--from {0} --since 2026-11-02 --until 2026-11-01", "--since is not before --until"),
        ("--from {0} --since yesterday", "--since 'yesterday' is not a time"),
        ("--from {0} --format table", "--format table is invalid"),
        ("--from {0} --format parquet", "give --output FILE"),
        ("--from {0} --output {0}", "is a folder"),
        ("--from {0} --output {0}/no/where", "cannot be written"),
        ("--from {0} --output {0}/2026-11-01.jsonl", "is being read"),
        ("--from {0} --output x.jsonl.zst", "x.jsonl.zst is not written"),
        ("--from {0} --output x.xlsx", "x.xlsx is not written"),
        ("--from {0} --symbol BTC-USDT", "write BTCUSDT"),
    ],
)
def test_mistakes_are_one_sentence(flags: str, message: str, folder: Path, capfd: Capture) -> None:
    assert main(["history", *flags.format(folder).split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--symbol ETH", "no record of ETHUSDT"),
        ("--symbol BTC ETH SOL", "no record of ETHUSDT, SOLUSDT in"),
        ("--since 2026-11-02 --until 2026-11-03", "no record in this range: BTCUSDT only from 2026-11-01T00:00:00Z to"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(flags: str, message: str, folder: Path, capfd: Capture) -> None:
    assert main(["history", "--from", str(folder), *flags.split()]) == 0
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("x.jsonl", LINES[0].encode()),
        ("x.ndjson", LINES[0].encode()),
        ("x.csv", b"timestamp,symbol,obi,notional_bid,notional_ask,levels,market\n2026-11-01T00:00:07Z,BTCUSDT,"),
        ("x.csv.gz", b"\x1f\x8b"),
        ("x.jsonl.gz", b"\x1f\x8b\x08\0"),  # without a name
        ("x.PARQUET", b"PAR1"),
        ("x.pq", b"PAR1"),
    ],
)
def test_the_ending_of_output_decides(name: str, beginning: bytes, folder: Path) -> None:
    path = folder.parent / name
    assert ask("--from", folder, "--output", path) == (0, [])
    assert path.read_bytes().startswith(beginning)
    assert sorted(each.name for each in folder.parent.iterdir()) == ["obi", name]
    if "csv" not in name:
        assert ask("--from", path).lines == LINES
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_is_complete_or_as_it_was(folder: Path, capfd: Capture) -> None:
    """It keeps its mode, also behind a link; a device is written in place, `-` is standard output."""
    target, link = folder.parent / "x.csv", folder.parent / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    assert main(["history", "--from", "nowhere", "--output", str(link)]) == 2
    assert target.read_text() == "old"
    assert ask("--from", folder, "--output", link).code == 0
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert len(target.read_text().splitlines()) == 11
    assert ask("--from", folder, "--output /dev/null --format csv").code == 0
    assert ask("--from", folder, "--output -").lines == LINES
    assert ask("--from", folder, "--format csv").lines == target.read_text().splitlines()


def test_two_writers_of_one_name(folder: Path) -> None:
    target = folder.parent / "out.parquet"
    runs = [start("history", "--from", str(folder), "--output", str(target)) for _ in range(2)]
    assert [finished(each).returncode for each in runs] == [0, 0]
    assert ask("--from", target).lines == LINES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_no_success_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    flags = ["history", "--from", str(tmp_path / "pipe"), "--output", str(tmp_path / "x.jsonl"), "--gaps"]
    with start(*flags, TMPDIR=str(tmp_path)) as process, (tmp_path / "pipe").open("wb") as pipe:
        pipe.write(TEXT)
        pipe.flush()
        process.send_signal(number)
        assert finished(process).returncode == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_long_reads_show_progress_on_a_terminal(tmp_path: Path) -> None:
    program = """
from handler.reading import engine
engine.SHOW_PROGRESS_AFTER_SECONDS = 0
with engine.Engine() as one:
    one.run("SET threads = 1")
    one.rows("SELECT count(*) FROM range(3000000) a WHERE md5(a.range::VARCHAR) LIKE 'ab%'")
"""
    controller, terminal = pty.openpty()
    done = run(code=program, stderr=terminal)
    os.close(terminal)
    assert b"reading" in os.read(controller, 10_000)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def table(stored: StoredTable, monkeypatch: pytest.MonkeyPatch) -> StoredTable:
    """A table, and the variables that lead to it."""
    for name, value in stored.environment.items():
        monkeypatch.setenv(name, value)
    return stored


RANGE = "--symbol BTC usdm:BTC --since 2026-11-01 --until 2026-11-02"


def test_tables_answer_as_a_folder_does(table: StoredTable, url: str, tmp_path: Path) -> None:
    """Several are read as one."""
    found = [*FOUND, minute(12), records.reason(timestamp=format_timestamp(1_793_491_200 + 600))]
    found += [minute(number, market="usdm") for number in (1, 3)]
    write_lines(tmp_path / "a.jsonl", *found)
    with new_table(url) as other:
        table.put(*found[:6])
        other.put(*found[4:])
        for question in ("--reasons --detail", "--every 5m", "--gaps"):
            expected = ask("--from", tmp_path, RANGE, question)
            assert ask(f"--table {table.name} {other.name}@us-east-1", RANGE, question) == expected, question
            assert expected.lines


def test_a_damaged_item_is_named_and_left_out(table: StoredTable, caplog: pytest.LogCaptureFixture) -> None:
    damaged = item_from_record(minute(10), 60) | {"obi": {"N": "7"}}
    odd = item_from_record(minute(11), 60) | {"expires_at": {"NULL": True}}
    table.put(damaged, odd, *FOUND)
    assert ask("--table", table.name, RANGE) == (1, [*LINES, minute(11).to_line(detail=False)])
    assert "2026-11-01T00:10:00Z" in caplog.text


def test_slots_of_a_table_are_expected_once_they_are_settled(table: StoredTable) -> None:
    now = int(time.time())
    table.put(*[records.full(timestamp=format_timestamp(now - 60 * number)) for number in range(4, 12)])
    total = ask(f"--table {table.name} --symbol BTC --gaps").rows[-1]
    assert total["missing"] == 0
    assert total["slots"] in (5, 6, 7)


def test_variables_of_the_sampler_do_not_change_what_is_read(folder: Path) -> None:
    answer = ask("--from", folder, "--detail", OBI_LEVELS="10", OBI_INTERVAL_SECONDS="10", OBI_TABLE="obi")
    assert answer.lines == [record.to_line() for record in FOUND]
    assert ask("--from", folder, OBI_SYMBOLS="ETH").lines == []


def test_a_process_prints_lines_and_ends(folder: Path) -> None:
    """The whole program once, into a pipe whose reader leaves."""
    assert run("history", "--from", str(folder)).stdout.splitlines() == LINES
    assert shell(f"handler history --from {folder} | head -n 1").stdout.splitlines() == LINES[:1]


def test_series_can_be_given_back(tmp_path: Path) -> None:
    """In every format, whatever the range."""
    found = [minute(0), minute(5, levels=10), minute(1, market="usdm", symbol="ETHUSDT", interval_seconds=10)]
    write_lines(tmp_path / "a.jsonl", *found)
    rows = ask("--from", tmp_path, command="series").rows
    assert [row["pair"] for row in rows] == ["BTCUSDT", "usdm:ETHUSDT"]
    assert len(ask("--from", tmp_path, "--symbol", *(row["pair"] for row in rows)).lines) == 3
    later = ask("--from", tmp_path, "--symbol usdm:ETH --since 2026-11-01 --format csv", command="series").lines
    assert later == [",".join(rows[1]), ",".join(map(str, rows[1].values()))]
