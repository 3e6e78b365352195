"""`series` lists the pairs that are stored, in a form that can be given back."""

from pathlib import Path

from support import records
from support.ask import ask, write_lines

from handler.record import Record

FOUND: list[Record] = [
    records.full(timestamp="2026-11-22T10:00:07Z"),
    records.full(timestamp="2026-11-22T10:05:07Z", levels=10),
    records.reason(timestamp="2026-11-22T10:06:00Z"),
    records.full(timestamp="2026-11-22T10:01:03Z", market="usdm", symbol="ETHUSDT", interval_seconds=10),
]
BTC = {"pair": "BTCUSDT", "first": "2026-11-22T10:00:00Z", "last": "2026-11-22T10:06:00Z", "records": 2, "no_data": 1,
       "interval_seconds": 60, "levels": 5}  # fmt: skip
ETH = {"pair": "usdm:ETHUSDT", "first": "2026-11-22T10:01:00Z", "last": "2026-11-22T10:01:00Z", "records": 1,
       "no_data": 0, "interval_seconds": 10, "levels": 5}  # fmt: skip


def test_series_of_files_can_be_given_back(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", *FOUND)
    assert ask("--from", tmp_path, command="series").rows == [BTC, ETH]
    pairs = [row["pair"] for row in ask("--from", tmp_path, command="series").rows]
    assert len(ask("--from", tmp_path, "--symbol", *pairs).lines) == 3
    assert ask("--from", tmp_path, "--symbol usdm:ETH", command="series").rows == [ETH]
    assert ask("--from", tmp_path, "--since 2026-11-22T10:01:30Z", command="series").rows[0]["records"] == 1


def test_every_format_has_the_same_columns(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", *FOUND)
    header, *rows = ask("--from", tmp_path, "--format csv", command="series").lines
    assert header.split(",") == list(BTC)
    assert [row.split(",") for row in rows] == [[str(value) for value in row.values()] for row in (BTC, ETH)]
    assert ask("--from", tmp_path, "--output", tmp_path / "x.parquet", command="series").code == 0
    assert (tmp_path / "x.parquet").read_bytes().startswith(b"PAR1")
