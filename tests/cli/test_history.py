"""`history` gives back what was printed, byte for byte, and tells what is missing."""

import csv
import io
import json
import os
import pty
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from handler.invocation import RecordWriter
from handler.sinks import PutResult
from handler.stores.items import item_from_record
from support.archive import PAST, Archive, lines, record
from support.fakes import FakeClock, level_sampler, spot_client
from support.program import PATIENCE_SECONDS, run

from handler.record import DETAIL_KEYS, KEYS, Record
from handler.runner import Runner
from handler.slots import format_timestamp
from handler.stores.table import Table
from infra.fake_exchange import FakeExchange

SYMBOLS, LEVELS, SLOTS = ("BTCUSDT", "ETHUSDT", "SOLUSDT"), (5, 20), 50
ALL = ["--symbol", "BTC,ETH,SOL", "--levels", "5,20"]
DAY = ["--since", "2024-01-01", "--until", "2024-01-02"]
BTC = ["--symbol", "BTC"]

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def sampled(new_archive: Callable[[], Archive]) -> tuple[Archive, list[Record]]:
    """A table that a runner filled, slot by slot, and the records in the order in which they were printed."""
    clock, printed = FakeClock(time=PAST + 1.5), list[Record]()
    archive = new_archive()
    with FakeExchange(SYMBOLS, tick_ms=60_000, clock=clock.time) as exchange:
        table = Table(archive.name, client=archive.client)
        delivery = RecordWriter(lambda line: printed.append(Record.from_line(line)), detail=True, store=table)

        def deliver(records: list[Record]) -> PutResult:
            return delivery.deliver(records, time.monotonic() + PATIENCE_SECONDS)

        sampler = level_sampler(spot_client(exchange.url, clock=clock), SYMBOLS, LEVELS)
        runner = Runner(sampler, deliver, interval_seconds=60, aligned=True, clock=clock)
        assert runner.run(SLOTS) == len(SYMBOLS) * len(LEVELS) * SLOTS
    return archive, printed


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """A table with the first ten minutes of a year, but for minutes 3, 4 and 7."""
    archive.fill([item_from_record(record(minute), 60) for minute in (0, 1, 2, 5, 6, 8, 9)])
    return archive


def minutes(text: str) -> list[int]:
    """The minutes of the records printed."""
    return [int(line.split('"')[3][14:16]) for line in text.splitlines()]


@pytest.mark.parametrize("detail", [False, True])
def test_it_prints_what_the_runner_printed_byte_for_byte(sampled: tuple[Archive, list[Record]], detail: bool) -> None:
    archive, printed = sampled
    done = archive.run("history", *ALL, *DAY, *(["--detail"] if detail else []))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == lines(printed, detail=detail)
    assert len({one.timestamp for one in printed}) == SLOTS


def test_a_real_run_is_printed_again(archive: Archive) -> None:
    with FakeExchange(SYMBOLS) as exchange:
        flags = ["--base-url", exchange.url, "--interval_seconds", "1", "--count", "2", "--detail"]
        sampled = archive.run(*ALL, *flags)
    again = archive.run("history", *ALL, "--since", "1h", "--until", "2100-01-01", "--detail")
    printed = sampled.stdout.splitlines()
    assert len(printed) == 12
    in_slot_order = sorted(printed, key=lambda line: str(json.loads(line)["timestamp"]))  # a tick may span two slots
    assert again.stdout.splitlines() == in_slot_order


def test_series_come_in_the_order_asked_for_in_each_slot(sampled: tuple[Archive, list[Record]]) -> None:
    archive, printed = sampled
    done = archive.run("history", "--symbol", "SOL", "BTC", "--levels", "20", *DAY)
    order = [[one for one in printed if (one.symbol, one.levels) == (symbol, 20)] for symbol in ("SOLUSDT", "BTCUSDT")]
    assert done.stdout == lines(one for slot in zip(*order, strict=True) for one in slot)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2024-01-01T00:01:00Z", "2024-01-01T00:06:00Z", [1, 2, 5]),
        ("2024-01-01T00:00:59.5Z", "2024-01-01T00:05:59.5Z", [1, 2, 5]),
        ("2024-01-01T00:00:00.5Z", "2024-01-01T00:06:00.5Z", [1, 2, 5, 6]),
        ("2024-01-01 00:01", "2024-01-01T00:06", [1, 2, 5]),
        ("2024-01-01T05:31+05:30", "2023-12-31T19:06-05:00", [1, 2, 5]),
        ("20240101T000100Z", "2024-W01-1T00:06Z", [1, 2, 5]),
        ("2024-01-01T00:03:00Z", "2024-01-01T00:05:00Z", []),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", [0, 1, 2, 5, 6, 8, 9]),
        ("99999999w", "2100-01-01", [0, 1, 2, 5, 6, 8, 9]),
        ("2024-01-01", "1s", [0, 1, 2, 5, 6, 8, 9]),
    ],
)
def test_a_range_holds_its_first_moment_and_not_its_last(
    filled: Archive, since: str, until: str, expected: list[int], capfd: Capture
) -> None:
    assert filled.run_here("history", *BTC, "--since", since, "--until", until) == 0
    assert minutes(capfd.readouterr().out) == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], [23, 1]),
        (["--since", "2h"], [1]),
        (["--since", "26h", "--until", "90m"], [25, 23]),
        (["--since", "1w"], [25, 23, 1]),
        (["--since", "3600s"], []),
    ],
)
def test_relative_moments_are_so_long_ago_and_the_default_is_a_day(
    archive: Archive, capfd: Capture, flags: list[str], expected: list[int]
) -> None:
    now = time.time() - 600
    hours = {format_timestamp(now - hour * 3600): hour for hour in (25, 23, 1)}
    archive.fill([item_from_record(record()._replace(timestamp=timestamp), 60) for timestamp in hours])
    assert archive.run_here("history", *BTC, *flags) == 0
    assert [hours[line.split('"')[3]] for line in capfd.readouterr().out.splitlines()] == expected


def test_what_has_expired_is_not_shown_although_it_is_still_there(filled: Archive, capfd: Capture) -> None:
    filled.fill([item_from_record(record(3), 60, 1), item_from_record(record(4), 60, 36_500)])
    assert filled.run_here("history", *BTC, *DAY) == 0
    assert minutes(capfd.readouterr().out) == [0, 1, 2, 4, 5, 6, 8, 9]


@pytest.mark.parametrize("detail", [False, True])
def test_csv_has_a_heading_and_the_same_numbers(
    sampled: tuple[Archive, list[Record]], capfd: Capture, detail: bool
) -> None:
    archive, printed = sampled
    assert archive.run_here("history", *ALL, *DAY, "--format", "csv", *(["--detail"] if detail else [])) == 0
    heading, *rows = csv.reader(io.StringIO(capfd.readouterr().out, newline=""))
    assert heading == [*KEYS, *(DETAIL_KEYS if detail else ())]
    texts = [one._asdict() for one in printed]
    assert rows == [["" if values[key] is None else str(values[key]) for key in heading] for values in texts]


def test_a_table_for_people_is_aligned_and_without_colour_in_a_pipe(filled: Archive) -> None:
    done = filled.run("history", *BTC, *DAY, "--format", "table")
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["time", "(UTC)", "pair", "levels", "OBI", "bids", "(quote)", "asks", "(quote)"]
    assert rows[0].split() == ["2024-01-01", "00:00:07", "BTCUSDT", "5", "+0.2500", "5.00", "3.00"]
    assert (len(rows), {len(row) for row in rows}) == (7, {len(heading)})
    assert "\x1b" not in done.stdout


def test_a_table_is_in_colour_on_a_terminal(filled: Archive) -> None:
    screen, terminal = pty.openpty()
    with (
        os.fdopen(terminal, "wb") as stdout,
        filled.start("history", *BTC, *DAY, "--format", "table", stdout=stdout, TERM="xterm", COLUMNS="100") as process,
    ):
        assert process.wait(PATIENCE_SECONDS) == 0
    with os.fdopen(screen, "rb", buffering=0) as shown:
        assert b"\x1b[32m+0.2500" in shown.read(100_000)


LARGE = [record(minute, host="h" * 1900) for minute in range(700)]
"""More than a megabyte, which is what one page holds."""


@pytest.fixture(scope="module")
def large(new_archive: Callable[[], Archive]) -> Archive:
    archive = new_archive()
    archive.fill([item_from_record(one, 60) for one in LARGE])
    return archive


def test_more_than_a_megabyte_is_printed_whole(large: Archive) -> None:
    done = large.run("history", *BTC, *DAY, "--detail")
    assert done.stdout == lines(LARGE, detail=True)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format", "xml"], ["--format", "xml", "jsonl", "csv", "table"]),
        (["--since", "yesterday"], ["--since", "yesterday", "24h"]),
        (["--until", "2024-02-30"], ["--until", "2024-02-30"]),
        (["--since", "-1h"], ["--since"]),
        (["--since", "1h", "--until", "1h"], ["--since", "--until"]),
        (["--since", "2100-01-01"], ["--since", "--until"]),
        (["--levels", "0"], ["--levels", "0"]),
        (["--plot", "picture.gif"], ["picture.gif", ".png", ".svg"]),
        (["--count", "1"], ["--count"]),
        (["--gaps", "--format", "xml"], ["--format", "xml", "jsonl", "csv", "table"]),
        (["--plot", "picture.png", "--format", "csv"], ["--format", "--plot"]),
        (["--since", "1790011200000"], ["--since", "1790011200000", "24h", "ISO"]),
        (["--until", "1790011200"], ["--until", "1790011200", "24h", "ISO"]),
        (["--plot", "picture.png", "--gaps"], ["--gaps", "--plot"]),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_2(
    filled: Archive, capfd: Capture, flags: list[str], words: list[str]
) -> None:
    assert filled.run_here("history", *BTC, *flags) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert [word for word in words if word not in err] == []


def test_an_item_that_is_no_record_is_told_with_its_key(filled: Archive, capfd: Capture) -> None:
    item = item_from_record(record(3), 60)
    filled.fill([{key: item[key] for key in ("series", "slot", "timestamp")}])
    assert filled.run_here("history", *BTC, *DAY) == 1
    out, err = capfd.readouterr()
    assert minutes(out) == [0, 1, 2]
    assert "BTCUSDT#5 at 2024-01-01T00:03:00Z" in err


REGION = "AWS_REGION", "AWS_DEFAULT_REGION"
KEY = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"


@pytest.mark.parametrize("command", ["history", "load"])
@pytest.mark.parametrize(
    ("flags", "without", "code", "words"),
    [
        ([], ["OBI_TABLE"], 2, ["--table", "OBI_TABLE"]),
        (["--table", "missing"], [], 1, ["missing", "ResourceNotFoundException", "check the table's name"]),
        ([], REGION, 1, ["set AWS_REGION"]),
        ([], KEY, 1, ["credentials", "AWS_PROFILE"]),
    ],
)
def test_what_the_surroundings_lack_is_one_sentence(
    archive: Archive, tmp_path: Path, command: str, flags: list[str], without: list[str], code: int, words: list[str]
) -> None:
    (tmp_path / "records").write_text(lines([record()]))
    flags = [*flags, *(BTC if command == "history" else [str(tmp_path / "records")])]
    nothing = str(tmp_path / "nothing")
    surroundings = {"HOME": nothing, "AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing}
    kept = {name: value for name, value in archive.environment.items() if name not in without}
    done = run(command, *flags, **(surroundings | kept))
    told = [line for line in done.stderr.splitlines() if "loaded 0" not in line]
    assert (done.returncode, done.stdout, len(told)) == (code, "", 1)
    assert [word for word in words if word not in told[0]] == []


def test_a_pipe_that_is_closed_early_ends_it_quietly(large: Archive) -> None:
    with large.start("history", *BTC, *DAY, "--detail") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == lines(LARGE[:1], detail=True)
        process.stdout.close()
        assert (process.wait(PATIENCE_SECONDS), process.stderr.read()) == (0, "")


def test_in_a_notebook_it_is_a_data_frame(filled: Archive) -> None:
    pandas = import_module("pandas")
    table = Table(filled.name, client=filled.client)
    frame = pandas.DataFrame(table.query("BTCUSDT", since=PAST, until=PAST + 300))
    assert list(frame.columns) == list(Record._fields)
    assert frame["obi"].tolist() == [0.25] * 3
    assert str(pandas.to_datetime(frame["timestamp"]).dt.tz) == "UTC"
