"""`report` says what is there, how good it is and what it can be used for; `history --plot` shows it."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import correlation
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from support.books import START, full_record, odd_books, synthetic_books
from support.records import plain

from handler.book import Book
from handler.cli import ExitCode
from handler.cli.main import main
from handler.reading.engine import Engine
from handler.reading.plot_steps import NOTHING, Curve, fitting_step, steps
from handler.record import Pair, Record, no_data
from handler.slots import format_milliseconds, format_timestamp

INTERVAL, DAY = 600, 86_400
BTC = next(synthetic_books())[1]
Run = Callable[..., tuple[int, str]]


def month(symbol: str = "BTCUSDT", days: int = 30, **changes: object) -> list[Record]:
    """Records of whole days, whose imbalance swings slowly."""
    first = record(0, symbol=symbol)
    return [
        replace(
            first,
            timestamp=format_timestamp(slot),
            received_at=format_milliseconds(slot + 250 / 1000),
            last_update_id=slot,
            obi=round(0.9 * (n * 7919 % 101 / 101 - 0.5) + 0.4 * (n // 60 % 2), 6),
            **changes,
        )
        for n, slot in enumerate(range(START, START + days * DAY, INTERVAL))
    ]


def record(number: int, book: Book = BTC, symbol: str = "BTCUSDT", **changes: object) -> Record:
    """The record of a slot of the month."""
    return full_record(symbol, book, 1000, START + number * INTERVAL, interval_seconds=INTERVAL, **changes)


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command over records; gives its exit code and output."""

    def answer(records: Iterable[Record], *flags: str, command: str = "report") -> tuple[int, str]:
        (tmp_path / "records.jsonl").write_text("".join(record.to_line() + "\n" for record in records))
        code = main([command, "--from", str(tmp_path / "records.jsonl"), *flags], {})
        written = capfd.readouterr()
        assert "Traceback" not in written.err
        return code, written.out + written.err

    return answer


def row(text: str, section: str, pair: str = "BTCUSDT") -> dict[str, str]:
    """A row of a table: head → cell."""
    lines = text.partition(f"## {section}\n")[2].partition("\n## ")[0].splitlines()
    lines = [line for line in lines if line.startswith("|")]
    assert len(set(map(len, lines))) == 1  # aligned, also as plain text
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return dict(zip(cells[0], next(each for each in cells if each[0] == pair), strict=True))


def test_clean_month(run: Run) -> None:
    """One pair is one screen, and nothing is missing."""
    code, text = run(month(), "--min-share", "1")
    assert code == ExitCode.OK
    assert len(text.splitlines()) <= 45
    assert max(map(len, text.splitlines())) <= 140
    covered = row(text, "Coverage")
    assert (covered["records"], covered["share"], covered["gaps"], covered["why"]) == ("4320", "100 %", "0", "–")
    deep = row(text, "Depth")
    assert [deep[bps] for bps in ("1", "50", "100", "500")] == ["100 %", "100 %", "0 %", "0 %"]
    assert row(text, "Timing")["lag in slot 50 / 95 / 100 %"] == "250 / 250 / 250"


def test_outage(run: Run) -> None:
    """Two hours are missing: three slots know why. The exit code says that the share is too low."""
    records = month()
    reasons = [no_data(one.timestamp, Pair("BTCUSDT"), 5, INTERVAL, "timeout") for one in records[103:106]]
    code, text = run(records[:100] + reasons + records[112:], "--min-share", "0.9973")
    covered = row(text, "Coverage")
    assert (covered["longest"], covered["gaps"], covered["why"]) == ("02:00:00", "1", "timeout 3, unknown 9")
    assert (code, covered["share"]) == (ExitCode.GAPS, "99.7 %")
    assert run(records[:100] + records[112:], "--min-share", "0.9972")[0] == ExitCode.OK


def test_books_to_mistrust(run: Run) -> None:
    """Frozen, cached, crossed and one-sided books are counted; two hosts are named."""
    records = month(days=1)
    for n in range(10, 20):
        records[n] = record(n, last_update_id=70, cache_age_seconds=n * 60, host="127.0.0.1:8080")
    odd = {symbol: book for symbol, book, _ in odd_books()}
    for n, symbol in ((30, "CROSSED"), (31, "NOBIDS"), (32, "NOASKS")):
        records[n] = record(n, odd[symbol])
    found = row(run(records)[1], "Books to mistrust")
    assert [found[key] for key in ("crossed", "one-sided", "frozen", "cached")] == ["1", "2", "9", "10 (up to 1140 s)"]
    assert found["host"] == "127.0.0.1:8080, data-api.binance.vision"


@pytest.mark.parametrize(
    ("ms", "says"), [(230, "good"), (500, "behind by 250 ms"), (-90_000, "ahead by up to 90250 ms")]
)
def test_clock(run: Run, ms: int, says: str) -> None:
    """Of futures, arrival is compared with the matching engine's time."""
    times = (format_milliseconds(START + n * INTERVAL + ms / 1000) for n in range(20))
    shifted = [record(n, market="usdm", exchange_time=time) for n, time in enumerate(times)]
    assert says in row(run(shifted)[1], "Timing", "usdm:BTCUSDT")["clock says"]


def test_autocorrelation(run: Run) -> None:
    """It is that of pairs of slots at this distance, whatever is missing between them."""
    records = [one for n, one in enumerate(month(days=5)) if n % 17 and not 300 < n < 450]
    by_slot = {one.slot(60): one.obi for one in records}
    found = row(run(records)[1], "Autocorrelation")
    for lag in (1, 5, 60):
        pairs = [(x, by_slot[at + lag * INTERVAL]) for at, x in by_slot.items() if at + lag * INTERVAL in by_slot]
        assert float(found[str(lag)]) == pytest.approx(correlation(*zip(*pairs, strict=True)), abs=0.006)


def test_nothing_there(run: Run) -> None:
    """An empty range and a pair without a record say so; with --min-share that is too little."""
    for flags in (["--since", "2026-11-20"], ["--symbol", "ETH"]):
        code, text = run(month(days=1), *flags)
        assert (code, "no record" in text) == (ExitCode.OK, True)
        assert run(month(days=1), *flags, "--min-share", "0.5")[0] == ExitCode.GAPS


def test_plain_lines(run: Run) -> None:
    """What plain lines do not have is a dash, not a zero."""
    _, text = run(plain(timestamp=format_timestamp(START + n * 60 + 3), obi=n % 7 / 10) for n in range(200))
    assert row(text, "Depth")["50"] == "–"
    assert row(text, "Timing")["latency 50 / 95 / 99 / 100 %"] == "– / – / – / –"
    assert row(text, "Coverage")["share"] == "100 %"


def test_a_name_that_is_not_utf8(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder's name in another encoding is escaped; as an output it is refused."""
    folder = tmp_path / os.fsdecode(b"m\xe9xico")
    folder.mkdir()
    (folder / "records.jsonl").write_text(f"{month(days=1)[0].to_line()}\n")
    assert main(["report", "--from", str(folder)], {}) == ExitCode.OK
    assert "m\\udce9xico" in capfd.readouterr().out
    assert main(["history", "--from", str(folder), "--output", str(folder / "o.csv")], {}) == ExitCode.USAGE
    assert "not printable text" in capfd.readouterr().err


def test_output(run: Run, tmp_path: Path) -> None:
    """The picture stands beside the text, of the five pairs that lack most."""
    records = [one for n in range(7) for one in month(f"P{n}USDT", days=1)[: 144 - n] if n != 3 or one.slot(60) % 1200]
    assert run(records, "--output", str(tmp_path / "sheet.md"), "--until", "2026-11-02") == (ExitCode.OK, "")
    text = (tmp_path / "sheet.md").read_text()
    assert "![Mid price and imbalance, the 5 pairs with the lowest share of 7](sheet.png)" in text
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"records.jsonl", "sheet.md", "sheet.png"}
    assert run(records, "--output", "sheet.png")[0] == ExitCode.USAGE


def drawn(path: Path) -> tuple[str, int]:
    """The words of a picture, and how many panels it has."""
    root = ElementTree.parse(path).getroot()
    words = " ".join(filter(None, (element.text for element in root.iter("{http://www.w3.org/2000/svg}text"))))
    return words, len([1 for element in root.iter() if re.fullmatch(r"axes_\d+", element.get("id", ""))])


@pytest.mark.parametrize(
    ("records", "flags", "panels", "words"),
    [
        (month(), [], 2, ["BTCUSDT, 5 levels", "100 % of slots; data-api.binance.vision", "means of 1h"]),
        (month(days=2)[10:], [], 2, ["2026-11-01 01:40 to 2026-11-03 00:00 UTC", "every 10m"]),
        (month(days=2)[::3], ["--full-scale"], 2, ["33.56 % of slots", "−1.0"]),
        (month(host="127.0.0.1:8080"), ["--levels", "5", "10", "--bps", "50"], 4,
         ["synthetic (127.0.0.1:8080)", "10 levels", "within 50 bps"]),
        (month(days=1) + month(days=1, market="usdm"), ["--every", "2h"], 3, ["BTCUSDT usdm:BTCUSDT", "means of 2h"]),
        ([plain(timestamp=format_timestamp(START + n * 60), symbol="A$B$") for n in range(9)], [], 1,
         ["A$B$", "host unknown"]),
    ],
    ids=["month", "begins late", "a third", "views", "both markets", "no price"],
)  # fmt: skip
def test_picture(
    run: Run, tmp_path: Path, records: list[Record], flags: list[str], panels: int, words: list[str]
) -> None:
    """Titles name pair, depth, step, coverage and host; no panel is without data.

    The second of two lines that lie on each other is dashed.
    """
    assert run(records, "--plot", str(tmp_path / "p.svg"), *flags, command="history")[0] == ExitCode.OK
    found, count = drawn(tmp_path / "p.svg")
    assert count == panels
    assert ("stroke-dasharray" in (tmp_path / "p.svg").read_text()) == (len({one.pair for one in records}) > 1)
    assert all(word in found for word in words), found


def test_lines(run: Run, tmp_path: Path) -> None:
    """Price and imbalance are a line each, in the colour of the pair."""
    assert run(month(), "--plot", str(tmp_path / "p.svg"), command="history")[0] == ExitCode.OK
    assert (tmp_path / "p.svg").read_text().lower().count("stroke: #0072b2") == 2


def test_refused_pictures(run: Run, tmp_path: Path) -> None:
    """Too many panels and a wrong ending are refused in a sentence, and no file is left."""
    many = [one for n in range(6) for one in month(f"P{n}USDT", days=1)]
    code, text = run(many, "--plot", str(tmp_path / "p.svg"), command="history")
    assert (code, "at most 6 panels, not 7" in text) == (ExitCode.USAGE, True)
    code, text = run(many, "--plot", str(tmp_path / "p.jpg"), command="history")
    assert (code, ".png or .svg" in text) == (ExitCode.USAGE, True)
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]


@pytest.mark.parametrize(
    ("missing", "step", "breaks", "sparse"),
    [
        (range(0), 3600, 0, 0),
        (range(2880, 3000), 3600, 1, 0),  # two hours
        (range(2910, 3030), 3600, 1, 0),  # two hours, half of a step before and half of one after
        (range(2880, 2925), 3600, 0, 1),  # three quarters of an hour: the step is a dot
        (range(2880, 2900), 3600, 0, 0),  # less than half of a step
        (range(2, 238), 60, 1, 0),
    ],
)
def test_breaks(missing: range, step: int, breaks: int, sparse: int) -> None:
    """A line breaks where less than half of a step is there; a gap as long as a step is never bridged."""
    with Engine() as engine:
        engine.run(
            "CREATE TEMP TABLE plotted AS SELECT 'A' AS pair, '5 levels' AS depth, range * 60 AS start, 60 AS seconds,"
            f" 0.5 AS obi, 1.0 AS mid FROM range(4320) WHERE range NOT IN {tuple(missing) or '(-1)'}"
        )
        found = steps(engine, Curve("A", "5 levels", 0, 4320 * 60, 60, 60, True, None, 1.0), step)
    assert found.count(NOTHING) == breaks
    assert sum(each[5] is True for each in found) == sparse


@pytest.mark.parametrize(
    ("seconds", "interval", "step"), [(3600, 1, 5), (DAY, 60, 120), (30 * DAY, 60, 3600), (DAY, 7, 91)]
)
def test_steps(seconds: int, interval: int, step: int) -> None:
    assert fitting_step([Curve("A", "", 0, seconds, interval, interval, False, None, 1.0)]) == step
