"""Other depths than the printed one equal those of the book that was stored; what was not stored is null or refused."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from support import books, records
from support.ask import ask, write_lines

from handler.book import RUNGS_BPS
from handler.errors import UsageError
from handler.slots import epoch_seconds

START = books.START
KEYS = ("obi", "notional_bid", "notional_ask")


def expected(bid: Fraction | None, ask: Fraction | None) -> list[Any]:
    """Imbalance and sums of exact arithmetic, to 8 digits: an imbalance over nothing is null."""
    values = [None, bid, ask] if bid is None or ask is None or not bid + ask else [(bid - ask) / (bid + ask), bid, ask]
    return [None if value is None else pytest.approx(float(value), rel=1e-7, abs=1e-7) for value in values]


def total(levels: Sequence[tuple[Any, Any]]) -> Fraction:
    return sum((Fraction(price) * Fraction(quantity) for price, quantity in levels), Fraction(0))


def test_levels_and_distances_are_those_of_the_book(tmp_path: Path) -> None:
    whole = books.whole_books()
    found = [books.full_record(f"{symbol}{n}", book, limit, START) for n, (symbol, book, limit) in enumerate(whole)]
    write_lines(tmp_path / "a.jsonl", *found)
    rows: dict[Any, Any] = {}
    for row in ask("--from", tmp_path, "--levels 1 3 20 --bps", *map(str, RUNGS_BPS)).rows:
        rows[row["symbol"], row.get("levels"), row.get("bps")] = [row[key] for key in KEYS]
        assert all(row[key] is None or row[key] == float(f"{row[key]:.8g}") for key in KEYS)
    assert len(rows) == len(found) * (3 + len(RUNGS_BPS))
    for record in found:
        for levels in (1, 3, 20):
            sides = [total((side or [])[:levels]) for side in (record.bids, record.asks)]
            assert rows[record.symbol, levels, None] == expected(*sides)
        for number, bps in enumerate(RUNGS_BPS):
            ladders = (record.notional_bid_within or [], record.notional_ask_within or [])
            amounts = [Fraction(ladder[number]) if number < len(ladder) else None for ladder in ladders]
            assert rows[record.symbol, None, bps] == expected(*amounts)


def test_what_was_sampled_is_given_as_printed(tmp_path: Path) -> None:
    found = [records.full(obi=0.123457, levels=50), records.plain(timestamp="2026-11-22T10:01:07Z", levels=50)]
    write_lines(tmp_path / "a.jsonl", *found)
    assert ask("--from", tmp_path, "--levels 50").lines == [one.to_line(detail=False) for one in found]


@pytest.mark.parametrize(
    ("record", "flags", "depth"),
    [
        (records.plain(), "--levels 3", "3 levels"),
        (records.plain(), "--bps 10", "10 bps"),
        (records.full(limit=5), "--levels 6", "6 levels"),
        (records.full(), "--bps 500", "500 bps"),
        (records.full(notional_bid_within=[0.0], notional_ask_within=[0.0]), "--bps 1", "1 bps"),
    ],
)
def test_what_is_unknown_is_null(
    record: Any, flags: str, depth: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An imbalance over nothing, of what was not stored, or beyond what came and was requested: never 0.

    Steps leave it out, and say so.
    """
    write_lines(tmp_path / "a.jsonl", record)
    assert [row["obi"] for row in ask("--from", tmp_path, flags).rows] == [None]
    assert capfd.readouterr().err == ""
    assert ask("--from", tmp_path, flags, "--every 1h").rows == []
    assert f"BTCUSDT: no imbalance in 1 record(s): within {depth} nothing was measured" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [("--levels 30", "give 1 to 20, or the number sampled (5)"), ("--bps 15", "give one of 1, 2, 5, 10, 20, 50")],
)
def test_a_depth_that_is_not_stored_is_refused(flags: str, message: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", records.full())
    with pytest.raises(UsageError) as caught:
        ask("--from", tmp_path, flags)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("step", "timestamp"),
    [("7d", "2026-11-16"), ("14d", "2026-11-09"), ("1w", "2026-11-16"), ("1d", "2026-11-22"), ("30d", "2026-11-03")],
)
def test_weeks_begin_on_monday(step: str, timestamp: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", records.full())
    assert ask("--from", tmp_path, "--every", step).rows[0]["timestamp"] == f"{timestamp}T00:00:00Z"


def test_steps_of_several_depths_and_markets_stay_apart(tmp_path: Path) -> None:
    """Each pair with its market, and each depth, is averaged by itself."""
    usdm = records.full(market="usdm", obi=-0.9, bids=[(Decimal(50), Decimal(1))])
    write_lines(tmp_path / "a.jsonl", records.full(obi=0.9), usdm, records.plain(levels=7, obi=0.1))
    rows = ask("--from", tmp_path, "--every 1h").rows
    assert [(row.get("market"), row["levels"], row["obi_mean"]) for row in rows] == [
        (None, 5, 0.9), (None, 7, 0.1), ("usdm", 5, -0.9)
    ]  # fmt: skip
    rows = ask("--from", tmp_path, "--every 1h --levels 1 5 --bps 200").rows
    assert [(row.get("market"), row.get("levels")) for row in rows] == [(None, 1), (None, 5), ("usdm", 1), ("usdm", 5)]


GAPS = [0, 60, 180, 240, 600]  # seconds from START at which there is a record


@pytest.mark.parametrize(
    ("flags", "missing", "slots"),
    [
        ("", 6, 11),
        ("--since 2026-11-01T00:03:00Z", 5, 8),
        ("--since 2026-11-01T00:05:00Z --until 2026-11-01T00:09:00Z", 4, 4),
        ("--until 2026-11-01T00:20:00Z", 15, 20),
        ("--until 2026-11-01T00:02:30Z", 1, 3),
        ("--since 2026-11-01T00:15:00Z --until 2026-11-01T00:20:00Z", 5, 5),
        ("--interval_seconds 30", 16, 21),
    ],
)
def test_gaps_of_files(flags: str, missing: int, slots: int, tmp_path: Path) -> None:
    """Slots count from the first record on, and up to the last one unless --until says otherwise."""
    found = [records.full(timestamp=f"2026-11-01T00:{s // 60:02}:{s % 60:02}Z") for s in GAPS]
    write_lines(tmp_path / "a.jsonl", *found)
    answer = ask("--from", tmp_path, "--gaps", flags)
    *gaps, total = answer.rows
    assert (total["missing"], total["slots"], total["share"]) == (missing, slots, round(1 - missing / slots, 6))
    assert sum(gap["missing"] for gap in gaps) == missing
    assert all(epoch_seconds(gap["since"]) < epoch_seconds(gap["until"]) for gap in gaps)
    assert answer.code == 3


def test_a_pair_that_only_failed_is_all_gap(tmp_path: Path) -> None:
    whys = ("timeout", "timeout", "timeout", "HTTP 503")
    found = [records.reason(timestamp=f"2026-11-01T00:0{n}:00Z", reason=why) for n, why in enumerate(whys)]
    write_lines(tmp_path / "a.jsonl", *found)
    answer = ask("--from", tmp_path, "--gaps")
    gap, total = answer.rows
    assert gap == {"pair": "BTCUSDT", "since": "2026-11-01T00:00:00Z", "until": "2026-11-01T00:04:00Z", "missing": 4,
                   "reasons": {"timeout": 3, "HTTP 503": 1}}  # fmt: skip
    assert total == gap | {"slots": 4, "share": 0.0}
    assert ask("--from", tmp_path, "--reasons --detail").lines == [one.to_line() for one in found]
    assert ask("--from", tmp_path).lines == []
    csv = ask("--from", tmp_path, "--gaps --format csv").lines
    assert json.loads(csv[1].split(",", 4)[4].rsplit('"', 1)[0].strip('"').replace('""', '"')) == gap["reasons"]
