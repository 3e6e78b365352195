"""Every kind of record makes the whole way: line, table, history, load, table. So do lines of the previous version."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.archive import Archive, lines, record
from support.program import ROOT

from handler.record import Depth, Record, no_data
from handler.stores.items import item_from_record

DAY = ["--since", "2024-01-01", "--until", "2024-01-02"]
ALL = ["--symbol", "BTC", "--market", "spot", "usdm", "--levels", "5", "--bps", "10", "50", *DAY]
PREVIOUS_VERSION = ROOT / "tests" / "fixtures" / "version_0_1_0.jsonl"


def kinds(minute: int) -> list[Record]:
    """A record of each kind, in the order in which `history` prints them."""
    within_10 = record(minute, bps=10, covered=True, mid=90_000.5, microprice=90_000.25, interval_seconds=60)
    within_50 = record(minute, bps=50, covered=False, obi=0.0, notional_bid=0.0, notional_ask=0.0, levels=1000)
    by_levels = record(minute, received_at="2024-01-01T00:00:07.123Z", best_bid_quantity=0.001, interval_seconds=60)
    futures = by_levels._replace(market="usdm", exchange_time="2024-01-01T00:00:07.100Z")
    return [
        by_levels,
        within_10,
        within_50,
        futures,
        within_10._replace(market="usdm"),
        within_50._replace(market="usdm"),
    ]


RECORDS = [one for minute in range(3) for one in kinds(minute)]


@pytest.fixture
def other(new_archive: Callable[[], Archive]) -> Archive:
    return new_archive()


def printed(archive: Archive, *flags: str) -> str:
    done = archive.run("history", *ALL, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("flags", [["--detail"], ["--detail", "--format", "csv"], []])
def test_it_is_loaded_and_printed_byte_for_byte(
    archive: Archive, other: Archive, tmp_path: Path, flags: list[str]
) -> None:
    """What `history` prints, as lines or as CSV, is what was loaded, and loads again as the same."""
    detail = "--detail" in flags
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(lines(RECORDS, detail=detail))
    assert "loaded 18, already there 0" in archive.run("load", str(first)).stderr
    assert printed(archive, *(["--detail"] if detail else [])) == first.read_text()
    second.write_text(printed(archive, *flags))
    assert "loaded 18, already there 0" in other.run("load", str(second)).stderr
    assert other.items() == archive.items()


def test_no_data_is_never_stored(archive: Archive, tmp_path: Path) -> None:
    """A line without data within a distance is counted as such."""
    path = tmp_path / "lines"
    path.write_text(lines([no_data(record().timestamp, "BTCUSDT", Depth(1000, 10), "usdm")]))
    assert "loaded 0" in (done := archive.run("load", str(path))).stderr
    assert "no data 1" in done.stderr
    assert archive.items() == []


def test_lines_of_the_previous_version(archive: Archive) -> None:
    """What version 0.1.0 printed is loaded, and printed with what is known of it."""
    done = archive.run("load", str(PREVIOUS_VERSION))
    assert (done.returncode, "loaded 4, already there 0, different 4" in done.stderr) == (0, True)
    again = archive.run(
        "history", "--symbol", "BTC,ETH/BTC", "--levels", "5,20", "--since", "2026-11-25", "--until", "2026-11-26"
    )
    assert again.stdout.splitlines() == PREVIOUS_VERSION.read_text().splitlines()[:4]


def test_the_own_interval_decides_the_slot(archive: Archive, tmp_path: Path) -> None:
    """Records of every 10 seconds are stored in slots of 10 seconds, whatever the flag says."""
    path = tmp_path / "lines"
    path.write_text(lines([record(second / 60, interval_seconds=10) for second in range(0, 60, 10)], detail=True))
    assert "loaded 6" in archive.run("load", str(path), "--interval_seconds", "60").stderr
    assert [item["slot"]["S"][-3:] for item in archive.items()] == ["00Z", "10Z", "20Z", "30Z", "40Z", "50Z"]


def test_the_largest_item_is_one_write_unit(archive: Archive) -> None:
    """A record with everything takes less than the kilobyte that one write unit pays for."""
    largest = record(
        symbol="X" * 50, bps=5000, covered=False, market="usdm", levels=1000, levels_bid=1000, levels_ask=1000,
        host="a-rather-long-host-name.example.com:65535", received_at="2024-01-01T00:00:07.123Z",
        exchange_time="2024-01-01T00:00:07.100Z", interval_seconds=86_400, last_update_id=2**63 - 1,
        **dict.fromkeys(("obi", "obi_quantity"), -0.123456),
        **dict.fromkeys(("notional_bid", "notional_ask"), 123456789012.123456),
        **dict.fromkeys(("best_bid", "best_ask", "mid", "microprice"), 0.12345678901234567),
        **dict.fromkeys(("best_bid_quantity", "best_ask_quantity"), 123456789.12345678),
        **dict.fromkeys(("spread_bps", "reach_bid_bps", "reach_ask_bps", "latency_ms"), 12345.123456),
    )  # fmt: skip
    item = item_from_record(largest, 60, retention_days=36_500)
    assert len(item) == 30
    assert sum(len(key) + value_bytes(value) for key, value in item.items()) < 1024


def value_bytes(attribute: dict[str, object]) -> int:
    """The size that DynamoDB counts: bytes of text, half a byte a digit and two more, one for a boolean."""
    [(kind, value)] = attribute.items()
    return {"S": len(str(value)), "N": len(str(value)) // 2 + 2, "BOOL": 1}[kind]
