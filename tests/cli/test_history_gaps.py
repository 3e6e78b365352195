"""`history --gaps` tells what was skipped_ticks from what was not measured yet, in any format."""

import csv
import io
import json
import time
from typing import Any

import pytest
from support.archive import Archive, record

from handler.slots import format_timestamp
from handler.stores.items import item_from_record

BTC = ["history", "--symbol", "BTC", "--gaps"]
UP_TO_11 = ["--since", "2024-01-01T00:00:30Z", "--until", "2024-01-01T00:11:00Z"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """A table with the first ten minutes of a year, but for minutes 3, 4 and 7."""
    archive.fill([item_from_record(record(minute), 60) for minute in (0, 1, 2, 5, 6, 8, 9)])
    return archive


def said(capfd: Capture) -> tuple[list[dict[str, Any]], str]:
    """The lines on stdout, and what is on stderr."""
    out, err = capfd.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_the_missing_slots_are_ranges_and_the_total_has_slots_and_the_share_covered(filled: Archive) -> None:
    done = filled.run(*BTC, *UP_TO_11)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines() == [
        '{"series":"BTCUSDT#5","since":"2024-01-01T00:03:00Z","until":"2024-01-01T00:05:00Z","missing":2}',
        '{"series":"BTCUSDT#5","since":"2024-01-01T00:07:00Z","until":"2024-01-01T00:08:00Z","missing":1}',
        '{"series":"BTCUSDT#5","since":"2024-01-01T00:10:00Z","until":"2024-01-01T00:11:00Z","missing":1}',
        '{"series":"BTCUSDT#5","since":"2024-01-01T00:01:00Z","until":"2024-01-01T00:11:00Z","missing":4'
        ',"slots":10,"covered":0.6}',
    ]


def test_csv_has_a_heading_and_the_same_values(filled: Archive, capfd: Capture) -> None:
    assert filled.run_here(*BTC, *UP_TO_11) == 3
    lines, _ = said(capfd)
    assert filled.run_here(*BTC, *UP_TO_11, "--format", "csv") == 3
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert list(rows[0]) == ["series", "since", "until", "missing", "slots", "covered"]
    assert [{key: value for key, value in row.items() if value} for row in rows] == [
        {key: str(value) for key, value in line.items()} for line in lines
    ]


def test_a_table_for_people_marks_the_total(filled: Archive, capfd: Capture) -> None:
    assert filled.run_here(*BTC, *UP_TO_11, "--format", "table") == 3
    heading, *rows, total = capfd.readouterr().out.splitlines()
    assert heading.split() == ["series", "since", "(UTC)", "until", "(UTC)", "missing", "slots", "covered"]
    assert [row.split()[:2] for row in rows] == [["BTCUSDT#5", "gap"]] * 3
    assert total.split() == [
        *("BTCUSDT#5", "total", "2024-01-01", "00:01:00", "2024-01-01", "00:11:00", "4", "10", "60.00%"),
    ]


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "table"])
def test_a_series_without_gaps_is_exit_0_in_every_format(filled: Archive, capfd: Capture, format_name: str) -> None:
    until = ["--since", "2024-01-01", "--until", "2024-01-01T00:03", "--format", format_name]
    assert filled.run_here(*BTC, *until) == 0
    out, err = capfd.readouterr()
    assert (len(out.splitlines()), err) == (1 if format_name == "jsonl" else 2, "")


def test_one_series_with_gaps_among_others_is_exit_3(filled: Archive, capfd: Capture) -> None:
    filled.fill([item_from_record(record(minute, "ETHUSDT"), 60) for minute in range(11)])
    assert filled.run_here("history", "--symbol", "ETH", "BTC", "--gaps", *UP_TO_11) == 3
    lines, _ = said(capfd)
    assert [line["series"] for line in lines if "slots" in line] == ["ETHUSDT#5", "BTCUSDT#5"]
    assert [line["covered"] for line in lines if "slots" in line] == [1.0, 0.6]


def test_the_time_before_the_first_record_is_not_missing_and_said_to_be_left_out(
    filled: Archive, capfd: Capture
) -> None:
    assert filled.run_here(*BTC, "--since", "2023-12-01", "--until", "2024-01-01T00:05") == 3
    (gap, total), err = said(capfd)
    assert (gap["since"], gap["missing"]) == ("2024-01-01T00:03:00Z", 2)
    assert (total["since"], total["slots"], total["covered"]) == ("2024-01-01T00:00:00Z", 5, 0.6)
    assert err.count("\n") == 1
    assert "no record of BTCUSDT#5 before 2024-01-01T00:00:00Z" in err
    assert "not counted as missing" in err


def test_a_range_that_ends_before_the_first_record_misses_nothing(filled: Archive, capfd: Capture) -> None:
    assert filled.run_here(*BTC, "--since", "2023-12-01", "--until", "2023-12-02") == 0
    (total,), err = said(capfd)
    assert (total["since"], total["until"]) == ("2023-12-02T00:00:00Z",) * 2
    assert (total["missing"], total["slots"], total["covered"]) == (0, 0, None)
    assert "before 2024-01-01T00:00:00Z" in err


def test_what_has_expired_is_before_the_first_record(archive: Archive, capfd: Capture) -> None:
    archive.fill(
        [
            *(item_from_record(record(minute), 60, 1) for minute in range(5)),
            item_from_record(record(5), 60),
            item_from_record(record(7), 60),
        ]
    )
    assert archive.run_here(*BTC, *UP_TO_11[:2], "--until", "2024-01-01T00:08") == 3
    (gap, total), err = said(capfd)
    assert (gap["since"], total["slots"], total["missing"]) == ("2024-01-01T00:06:00Z", 3, 1)
    assert "before 2024-01-01T00:05:00Z" in err


def test_a_series_after_its_last_record_is_missing(filled: Archive, capfd: Capture) -> None:
    assert filled.run_here(*BTC, "--since", "2024-01-02", "--until", "2024-01-03") == 3
    (gap, total), err = said(capfd)
    assert (gap["missing"], total["missing"], total["covered"], err) == (1440, 1440, 0.0, "")


@pytest.mark.parametrize(
    ("symbol", "words"),
    [("XRP", ["XRPUSDT", "at any time", "--symbol"]), ("ETHBTC", ["ETHBTCUSDT", "write ETH/BTC"])],
)
def test_a_series_without_any_record_is_missing_as_a_whole_and_said_to_be_unknown(
    filled: Archive, capfd: Capture, symbol: str, words: list[str]
) -> None:
    assert filled.run_here("history", "--symbol", symbol, "--gaps", *UP_TO_11) == 3
    (gap, total), err = said(capfd)
    assert (gap["missing"], total["missing"], total["slots"], total["covered"]) == (10, 10, 10, 0.0)
    assert err.count("\n") == 1
    assert [word for word in words if word not in err] == []


def test_a_longer_interval_has_fewer_slots(filled: Archive, capfd: Capture) -> None:
    flags = ["--since", "2024-01-01", "--until", "2024-01-01T00:10", "--interval-seconds", "300"]
    assert filled.run_here(*BTC, *flags) == 0
    assert said(capfd)[0][0]["slots"] == 2


def test_slots_that_ended_less_than_five_minutes_ago_are_not_missing_yet(archive: Archive, capfd: Capture) -> None:
    """Storing is tried again for a while, so that a cron job would find gaps that are filled soon."""
    now = time.time()
    archive.fill([item_from_record(record()._replace(timestamp=format_timestamp(now - 3600)), 60)])
    assert archive.run_here(*BTC, "--since", format_timestamp(now - 240), "--until", "2100-01-01") == 0
    lines, messages = said(capfd)
    assert lines[-1]["slots"] == 0
    assert "5 minutes after their end" in messages
    assert archive.run_here(*BTC, "--since", format_timestamp(now - 900), "--until", "2100-01-01") == 3
    assert said(capfd)[0][-1]["slots"] in (9, 10)


def test_it_reads_what_was_stored_a_moment_ago(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """An eventually consistent read may lack the newest items, which would look like gaps."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("handler.stores.table.dynamodb_client", lambda region: filled.client)
    filled.client.meta.events.register(
        "before-parameter-build.dynamodb.Query", lambda params, **_: asked.append(params)
    )
    filled.run_here(*BTC, *UP_TO_11)
    assert len(asked) >= 3
    assert all(params["ConsistentRead"] for params in asked)
