"""`history --from` answers from files what it answers from a table, in whatever order their lines come."""

import gzip
import lzma
import random
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.archive import Archive, lines, record
from support.program import shell

from handler.cli.main import main
from handler.record import Depth, Record, no_data
from handler.slots import format_timestamp
from handler.stores.items import item_from_record

DAY = ["--symbol", "BTC", "ETH", "--since", "2024-01-01", "--until", "2024-01-02"]
BTC = ["--symbol", "BTC", *DAY[3:]]
RECORDS = [
    record(minute, symbol, interval_seconds=60, host="h", mid=1.25)
    for minute in range(60)
    if minute not in (20, 21)
    for symbol in ("BTCUSDT", "ETHUSDT")
]
TIMES = ("slot", "timestamp", "received_at", "exchange_time")

Capture = pytest.CaptureFixture[str]


def write_parquet(path: Path, records: Iterable[Record], **options: int) -> Path:
    """Write a file as the archive does."""
    rows = [{"series": one.series.key, "slot": format_timestamp(one.slot(60)), **one._asdict()} for one in records]
    table = pa.Table.from_pylist(rows)
    for key in TIMES:
        if table[key].type != pa.null():
            times = table[key].cast(pa.timestamp("ms", tz="UTC"))
            table = table.set_column(table.column_names.index(key), key, times)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Three files that overlap, the last part first, the middle one shuffled, the last one compressed."""
    parts = [RECORDS[70:], random.Random(1).sample(RECORDS[30:90], 60), RECORDS[:40]]
    names = [tmp_path / name for name in ("late.jsonl", "shuffled.log", "early.jsonl.gz")]
    for name, part in zip(names, parts, strict=True):
        text = lines(part, detail=True).encode()
        name.write_bytes(gzip.compress(text) if name.suffix == ".gz" else text)
    return list(map(str, names))


@pytest.mark.parametrize("flags", [[], ["--detail"], ["--format", "csv"], ["--gaps"], ["--gaps", "--format", "csv"]])
def test_files_answer_as_the_table_of_the_same_records(
    archive: Archive, files: list[str], capfd: Capture, flags: list[str]
) -> None:
    archive.fill([item_from_record(one, 60) for one in RECORDS])
    from_table = archive.run_here("history", *DAY, *flags), capfd.readouterr().out
    from_files = main(["history", *DAY, *flags, "--from", *files], {"OBI_TABLE": "beaten"}), capfd.readouterr().out
    assert from_files == from_table
    assert from_table[0] == (3 if "--gaps" in flags else 0)
    assert from_table[1]


def test_lines_come_back_byte_for_byte_from_files_and_pipes(files: list[str]) -> None:
    flags = " ".join(DAY)
    done = shell(
        f"handler history {flags} --detail --from {' '.join(files)} | handler history {flags} --detail --from -"
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", lines(RECORDS, detail=True))


def test_of_one_slot_the_first_sample_is_taken_and_of_one_sample_the_line_with_detail(
    tmp_path: Path, capfd: Capture
) -> None:
    early = record(1, host="h")
    late = early._replace(timestamp="2024-01-01T00:01:40Z", obi=0.5, mid=3.0, best_bid=1.0)
    (tmp_path / "a").write_text(lines([late], detail=True) + lines([early]) + lines([early], detail=True))
    (tmp_path / "b").write_text(lines([early]) + lines([no_data("2024-01-01T00:02:00Z", "BTCUSDT", Depth(5))]))
    assert main(["history", *BTC, "--detail", "--from", str(tmp_path / "b"), str(tmp_path / "a")], {}) == 0
    assert capfd.readouterr().out == lines([early], detail=True)


def test_a_record_s_own_interval_decides_its_slot_and_else_the_flag(tmp_path: Path, capfd: Capture) -> None:
    own = [record(0, interval_seconds=10), record(0, interval_seconds=10)._replace(timestamp="2024-01-01T00:00:17Z")]
    other = [record(5), record(5)._replace(timestamp="2024-01-01T00:05:17Z")]
    (tmp_path / "records").write_text(lines([*own, *other], detail=True))
    command = ["history", *BTC, "--from", str(tmp_path / "records")]
    assert main(command, {}) == 0
    assert capfd.readouterr().out == lines([*own, other[0]])
    assert main([*command, "--interval_seconds", "10"], {}) == 0
    assert capfd.readouterr().out == lines([*own, *other])


@pytest.mark.parametrize("row_group_size", [7, 1000])
def test_a_folder_of_parquet_files_is_read_as_one_archive(tmp_path: Path, capfd: Capture, row_group_size: int) -> None:
    for number, part in enumerate((RECORDS[50:], RECORDS[:60])):
        write_parquet(tmp_path / f"dt=2024-01-0{number + 1}/records.parquet", part, row_group_size=row_group_size)
    assert main(["history", *DAY, "--detail", "--from", str(tmp_path)], {}) == 0
    assert capfd.readouterr().out == lines(RECORDS, detail=True)
    assert main(["history", *BTC, "--detail", "--from", str(tmp_path)], {}) == 0
    assert capfd.readouterr().out == lines([one for one in RECORDS if one.symbol == "BTCUSDT"], detail=True)


def test_parquet_keeps_distances_markets_and_milliseconds(tmp_path: Path, capfd: Capture) -> None:
    futures = record(
        3, bps=10, covered=False, market="usdm", levels=1000, exchange_time="2024-01-01T00:03:06.999Z",
        received_at="2024-01-01T00:03:07.001Z", last_update_id=2**62, obi=-0.1,
    )  # fmt: skip
    path = write_parquet(tmp_path / "records", [futures])
    assert main(["history", *BTC, "--market", "usdm", "--bps", "10", "--detail", "--from", str(path)], {}) == 0
    assert capfd.readouterr().out == lines([futures], detail=True)


def test_an_empty_range_is_told_with_the_range_that_the_files_hold(files: list[str], capfd: Capture) -> None:
    assert main(["history", "--symbol", "BTC", "--from", *files], {}) == 0
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "BTCUSDT#5 in this range, but from 2024-01-01T00:00:00Z to 2024-01-01T00:59:00Z" in err


def test_what_is_invalid_is_told_and_left_out_and_all_else_is_printed(
    tmp_path: Path, capfd: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    text = lines(RECORDS, detail=True)
    (tmp_path / "cut").write_text(text[:-30])
    assert main(["history", *DAY, "--detail", "--from", str(tmp_path / "cut")], {}) == 1
    out, err = capfd.readouterr()
    assert out == lines(RECORDS[:-1], detail=True)
    assert f"{tmp_path}/cut:{len(RECORDS)}: invalid: cut off" in caplog.text
    assert f"handler: {tmp_path}/cut: left out 1 " in err


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("empty", b"", 1, ["no record", "empty"]),
        ("page.html", b"<html>nothing</html>", 1, ["no record", "HTML"]),
        ("cut.parquet", b"PAR1 and then nothing", 1, ["not a whole Parquet file"]),
        ("missing", None, 2, ["No such file"]),
        (".", None, 2, ["folder without a Parquet file"]),
    ],
)
def test_what_holds_no_record_is_one_sentence(
    tmp_path: Path, capfd: Capture, name: str, content: bytes | None, code: int, words: list[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["history", *BTC, "--from", str(tmp_path / name)], {}) == code
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert [word for word in [str(tmp_path), *words] if word not in err] == []


def test_where_nothing_can_be_read_no_flag_is_said_to_be_wrong(
    tmp_path: Path, capfd: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cut.xz").write_bytes(lzma.compress(lines(RECORDS, detail=True).encode())[:100])
    assert main(["history", *BTC, "--from", str(tmp_path / "cut.xz")], {}) == 1
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"handler: {tmp_path}/cut.xz: left out 2 that are invalid or cannot be read\n")
    assert "cannot be read from here on: the xz file is cut off" in caplog.text


def test_parquet_of_another_kind_is_one_sentence(tmp_path: Path, capfd: Capture) -> None:
    pq.write_table(pa.table({"timestamp": ["2024-01-01"], "price": [1.0]}), tmp_path / "prices")
    assert main(["history", *BTC, "--from", str(tmp_path / "prices")], {}) == 1
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "without a column symbol" in err


def test_parquet_with_two_columns_of_a_name_is_one_sentence(tmp_path: Path, capfd: Capture) -> None:
    table = pq.read_table(write_parquet(tmp_path / "records", RECORDS))
    pq.write_table(table.append_column("symbol", table["symbol"]), tmp_path / "records")
    assert main(["history", *BTC, "--from", str(tmp_path / "records")], {}) == 1
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "two columns symbol" in err


def test_a_finer_time_than_records_have_is_invalid(
    tmp_path: Path, capfd: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not rounded, and the file's other records are read."""
    path = write_parquet(tmp_path / "records", RECORDS)
    table = pq.read_table(path)
    times = pa.array([1_704_067_207_000_000 + 60_000_000 * row + row % 2 for row in range(len(RECORDS))])
    column = times.cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(table.set_column(table.column_names.index("timestamp"), "timestamp", column), path)
    assert main(["history", *DAY, "--from", str(path)], {}) == 1
    out, err = capfd.readouterr()
    assert (len(out.splitlines()), f"left out {len(RECORDS) // 2} that are invalid" in err) == (len(RECORDS) // 2, True)
    assert "timestamp '2024-01-01T00:01:07.000001Z'" in caplog.text


@pytest.mark.parametrize("flag", ["--output", "--plot"])
@pytest.mark.parametrize("name", ["own.png", "link.png", "folder/own.parquet", "-"])
def test_a_file_that_is_read_is_never_replaced(tmp_path: Path, flag: str, name: str) -> None:
    """By whatever name both flags give it."""
    own = write_parquet(tmp_path / "folder/own.parquet", RECORDS) if "/" in name else tmp_path / "own.png"
    if "/" not in name:
        own.write_text(lines(RECORDS, detail=True))
    (tmp_path / "link.png").symlink_to(own)
    (tmp_path / "image.png").hardlink_to(own)
    before = own.read_bytes()
    source = {"folder/own.parquet": tmp_path / "folder", "-": f"- < {own}"}.get(name, tmp_path / name)
    done = shell(f"handler history {' '.join(DAY)} {flag} {tmp_path}/image.png --from {source}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{flag} {tmp_path}/image.png is read by --from, and would be replaced: give another name" in done.stderr
    assert own.read_bytes() == before


def test_files_and_a_table_at_once_are_refused(files: list[str], capfd: Capture) -> None:
    assert main(["history", *BTC, "--from", *files, "--table", "obi"], {}) == 2
    assert "--from and --table are mutually exclusive" in capfd.readouterr().err
