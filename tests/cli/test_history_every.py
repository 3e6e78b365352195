"""`history --every` in any format, and the interval that it and `--gaps` expect."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.archive import Archive, record

from handler.stores.items import item_from_record

EVERY = ["history", "--symbol", "BTC", "--since", "2024-01-01", "--until", "2024-01-01T00:11", "--every", "5m"]
GAPS = ["history", "--symbol", "BTC", "--since", "2024-01-01", "--until", "2024-01-01T00:20", "--gaps"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """A table with records in the minutes 0, 2 and 10 of a year, of three series."""
    for values in ({}, {"symbol": "ETHUSDT"}, {"bps": 10, "covered": True, "levels": 1000}):
        ours = [
            record(minute, obi=0.1 * minute - 0.2, mid=100.0 + minute, interval_seconds=60, **values)
            for minute in (0, 2, 10)
        ]
        archive.fill([item_from_record(one._replace(obi=round(one.obi, 6) + 0.0), 60) for one in ours])
    return archive


def test_lines(filled: Archive) -> None:
    """One line per step and series, step by step in the order requested; steps without a record are left out."""
    done = filled.run(*EVERY, "--symbol", "ETH", "--bps", "10", "--levels", "5")
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["timestamp"][11:16], line["symbol"], line.get("bps")) for line in lines] == [
        *(("00:00", "BTCUSDT", None), ("00:00", "BTCUSDT", 10), ("00:00", "ETHUSDT", None)),
        *(("00:10", "BTCUSDT", None), ("00:10", "BTCUSDT", 10), ("00:10", "ETHUSDT", None)),
    ]
    assert done.stdout.splitlines()[1] == (
        '{"timestamp":"2024-01-01T00:00:00Z","symbol":"BTCUSDT","levels":1000,"bps":10,"obi_mean":-0.1,"obi_min":-0.2,'
        '"obi_max":0.0,"obi_last":0.0,"obi_of_sums":0.25,"mid_mean":101.0,"n":2,"expected":5}'
    )


def test_formats(filled: Archive, capfd: Capture, tmp_path: Path) -> None:
    """CSV and Parquet have the same numbers, and a table has them for people."""
    assert filled.run_here(*EVERY) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert filled.run_here(*EVERY, "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert rows == [{key: str(value) for key, value in line.items()} for line in lines]
    path = tmp_path / "steps.parquet"
    assert filled.run_here(*EVERY, "--format", "parquet", "--output", str(path)) == 0
    for row, line in zip(pq.read_table(path).to_pylist(), lines, strict=True):
        assert row.pop("timestamp").strftime("%Y-%m-%dT%H:%M:%SZ") == line.pop("timestamp")
        assert row == {"bps": None, "market": "spot"} | line
    assert filled.run_here(*EVERY, "--format", "table") == 0
    heading, *shown = capfd.readouterr().out.splitlines()
    assert "OBI, mean" in heading
    assert shown[1].split() == [
        *("2024-01-01", "00:10:00", "BTCUSDT", "5", "+0.8000", "+0.8000", "+0.8000", "+0.8000", "+0.2500", "110"),
        *("1", "1"),
    ]


@pytest.mark.parametrize(
    ("flags", "format_name"), [(EVERY, "csv"), (GAPS, "table"), ([*EVERY[:-2], "--detail"], "jsonl")]
)
def test_output(filled: Archive, capfd: Capture, tmp_path: Path, flags: list[str], format_name: str) -> None:
    """A file holds what would be printed."""
    path = tmp_path / "out"
    code = filled.run_here(*flags, "--format", format_name)
    printed = capfd.readouterr().out
    assert printed
    assert filled.run_here(*flags, "--format", format_name, "--output", str(path)) == code
    assert (path.read_text(), capfd.readouterr().out) == (printed, "")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--every", "5"], ["--every 5", "5m"]),
        (["--every", "0m"], ["--every 0m"]),
        (["--every", "90s"], ["90 s", "BTCUSDT#5", "60 s", "multiple"]),
        (["--every", "5m", "--gaps"], ["--every", "--gaps", "mutually exclusive"]),
        (["--every", "5m", "--detail"], ["--every", "--detail", "mutually exclusive"]),
        (["--format", "parquet"], ["--output"]),
    ],
)
def test_mistakes(filled: Archive, capfd: Capture, flags: list[str], words: list[str]) -> None:
    """What cannot be is one sentence and exit 2."""
    assert filled.run_here(*EVERY[:-2], *flags) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert [word for word in words if word not in err] == []


@pytest.fixture
def changed(archive: Archive) -> Archive:
    """A series that was sampled every five minutes, and then, from minute 10, every minute."""
    slow = [record(minute, interval_seconds=300) for minute in (0, 5)]
    fast = [record(minute, interval_seconds=60) for minute in range(10, 20)]
    archive.fill([item_from_record(one, 60) for one in slow + fast])
    return archive


def test_interval_of_newest_record(changed: Archive, capfd: Capture) -> None:
    """Without the flag the interval is that of the newest record, and a change of it is one warning."""
    assert changed.run_here(*EVERY[:-3], "2024-01-01T00:20", "--every", "10m") == 0
    out, err = capfd.readouterr()
    assert [(json.loads(line)["n"], json.loads(line)["expected"]) for line in out.splitlines()] == [(2, 10), (10, 10)]
    assert err.count("\n") == 1
    assert "interval of BTCUSDT#5 changes" in err
    assert "from 300 s to 60 s at 2024-01-01T00:10:00Z" in err


def test_gaps_where_interval_changes(changed: Archive, capfd: Capture) -> None:
    """So it is with gaps."""
    assert changed.run_here(*GAPS) == 3
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[-1])["missing"] == 8
    assert err.count("\n") == 1
    assert "from 300 s to 60 s between 2024-01-01T00:00:00Z and 2024-01-01T00:19:00Z" in err
    assert changed.run_here(*GAPS, "--until", "2024-01-01T00:10", "--interval_seconds", "300") == 0
    assert capfd.readouterr().err == ""


def test_gaps_of_long_interval(archive: Archive, capfd: Capture) -> None:
    """A series that is sampled every five minutes has no gaps, with no flag needed."""
    archive.fill([item_from_record(record(minute, interval_seconds=300), 60) for minute in (0, 5, 10, 15)])
    assert archive.run_here(*GAPS) == 0
    out, err = capfd.readouterr()
    assert (json.loads(out)["slots"], err) == (4, "")


def test_gaps_as_parquet(changed: Archive, tmp_path: Path) -> None:
    """Gaps can be columns too."""
    path = tmp_path / "gaps.parquet"
    assert changed.run_here(*GAPS, "--format", "parquet", "--output", str(path)) == 3
    rows = pq.read_table(path).to_pylist()
    assert [row["missing"] for row in rows] == [4, 4, 8]
    assert (rows[-1]["slots"], rows[-1]["covered"]) == (20, 0.6)


def test_records_as_parquet(filled: Archive, tmp_path: Path) -> None:
    """Records have all their keys in Parquet, whether detail was requested or not."""
    path = tmp_path / "records.parquet"
    assert filled.run_here(*EVERY[:-2], "--format", "parquet", "--output", str(path)) == 0
    rows = pq.read_table(path).to_pylist()
    assert [row["mid"] for row in rows] == [100.0, 102.0, 110.0]
    assert [row["series"] for row in rows] == ["BTCUSDT#5"] * 3


def test_plot_of_steps(filled: Archive, capfd: Capture, tmp_path: Path) -> None:
    """Steps can be drawn."""
    path = tmp_path / "steps.svg"
    assert filled.run_here(*EVERY, "--plot", str(path)) == 0
    assert path.read_text().startswith("<?xml")
    assert capfd.readouterr() == ("", "")
