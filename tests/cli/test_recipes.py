"""Every block of code of the recipes and of the page on publishing runs as it stands, or is marked as not run."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas
import polars
import pytest
from support import program
from support.book_depth import write_samples
from support.books import START, full_record
from support.program import ROOT
from support.servers import AWS, aws_client

import handler
from handler.book import RUNGS_BPS, parse_depth
from handler.reading.columns import ALL_COLUMNS
from handler.record import Pair, Record, no_data
from handler.slots import format_timestamp
from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import depth_body, pair_books, render_sides
from infra.fake_exchange.markets import SPOT, USDM

MINUTES, MISSING = 90, (50, 51)
PAIRS = (("BTCUSDT", SPOT), ("ETHUSDT", SPOT), ("BTCUSDT", USDM))
NOT_RUN = "not run here"
Run = Callable[[str, str], Any]


class Block(NamedTuple):
    language: str
    code: str
    before: str  # the text before it


def blocks(page: str) -> list[Block]:
    parts = re.split(r"^```(\w+)\n(.*?)^```$", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return [Block(parts[at], parts[at + 1], parts[at - 1]) for at in range(1, len(parts) - 1, 3)]


RECIPES = blocks("recipes.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recipes begin with: three hours of three pairs, a day of candles, and bookDepth files."""
    path = tmp_path_factory.mktemp("recipes")
    (path / "obi").mkdir()
    lines = [record.to_line() for minute in range(MINUTES) for record in records(minute)]
    (path / "obi" / "2026-11-01.jsonl").write_text("\n".join(lines) + "\n")
    candles = [f"{START + 60 * minute}000000,1,2,0.5,{90_000 + minute},12,0,0,0,0,0,0" for minute in range(MINUTES)]
    (path / "BTCUSDT-1m-2026-11-01.csv").write_text("\n".join(candles) + "\n")
    (path / "stale.json").write_text(json.dumps(sorted(write_samples(path))))
    shutil.copy(ROOT / "docs" / "bookdepth.sql", path)
    (path / "card.md").write_text(next(block.code for block in blocks("publishing.md") if block.language == "markdown"))
    return path


def records(minute: int) -> Iterator[Record]:
    slot = START + 60 * minute
    for symbol, market in PAIRS:
        if minute in MISSING:
            yield no_data(format_timestamp(slot), Pair(symbol, market.name), 5, 60, "timeout")
            continue
        found = pair_books(market, symbol, 3).book(minute, 1000)
        book = parse_depth(depth_body(found.last_update_id + minute, b"", render_sides(found)))
        yield full_record(symbol, book, 1000, slot, market=market.name)


@pytest.fixture(scope="module")
def run(folder: Path, url: str) -> Iterator[Run]:
    """Run code in the folder, once: what a shell printed, or the names of a Python block."""
    with FakeExchange() as exchange:

        @cache
        def run(code: str, language: str) -> Any:
            if language == "bash":
                done = program.shell(code, folder, OBI_BASE_URL=exchange.url)
                assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
                return done.stdout
            names: dict[str, Any] = {}
            variables = {"AWS_ENDPOINT_URL": url, "LOG_GROUP": "obi", "TOPIC": "arn:aws:sns:us-east-1:1:t"}
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                patch.setitem(sys.modules, "obi", handler)  # as it is named where it is installed
                for name, value in (AWS | variables).items():
                    patch.setenv(name, value)
                exec(compile(code, "recipe", "exec"), names)
            return names

        for block in RECIPES:
            if block.language == "bash" and "--output" in block.code:  # others read what it writes
                run(block.code, "bash")
        yield run


def having(*words: str) -> tuple[str, str]:
    """The code and the language of the one block with these words."""
    (found,) = ((block.code, block.language) for block in RECIPES if all(word in block.code for word in words))
    return found


@pytest.fixture(scope="module")
def logs(url: str) -> Iterator[Any]:
    """A client of CloudWatch Logs, where the function has its group."""
    with aws_client("logs", url) as client:
        client.create_log_group(logGroupName="obi")
        yield client


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("block", RECIPES, ids=lambda block: block.code.strip().splitlines()[0][:40])
def test_every_block_runs(block: Block, run: Run) -> None:
    """Code in another language is shown only, and the text before it says so."""
    if block.language in ("bash", "python"):
        if "| jq" in block.code and not shutil.which("jq"):
            pytest.skip("jq is not installed")
        run(block.code, block.language)
    else:
        assert block.language == "ini" or NOT_RUN in block.before.lower()


def test_candles(run: Run) -> None:
    """Both joins give the record of a candle's last moments, none of its future, and none across a gap."""
    by_pandas = run(*having("merge_asof", "candles"))["joined"]
    by_polars = run(*having("join_asof"))["joined"]
    assert list(by_pandas["obi"].fillna(9)) == list(by_polars["obi"].fill_null(9))
    assert by_pandas["obi"].iloc[0] == next(records(1)).obi  # closed at minute 1, when that record arrived
    late = by_pandas["closed_at"] - by_pandas["timestamp"]
    assert late.max() <= pandas.Timedelta("2min")
    assert late.min() >= pandas.Timedelta(0)


def test_freqtrade(run: Run) -> None:
    """The column is that of the candle's close, of either market."""
    add = run(*having("def add_imbalance"))["add_imbalance"]
    opened = pandas.date_range("2026-11-01", periods=12, freq="5min", tz="UTC").as_unit("ms")
    for pair, place in (("BTC/USDT", 0), ("BTC/USDT:USDT", 2)):
        frame = add(pandas.DataFrame({"date": opened, "close": 1.0}), pair, "5m")
        assert list(frame.columns) == ["date", "close", "obi_50bps"]
        record = list(records(5))[place]
        bid, ask = record.notional_bid_within[5], record.notional_ask_within[5]  # type: ignore[index]
        assert frame["obi_50bps"].iloc[0] == pytest.approx((bid - ask) / (bid + ask), abs=1e-7)


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_jq(run: Run) -> None:
    """Over records, it prints those beyond the limit that measured the distance."""
    code, _ = having("jq", "--detail")
    found = run(
        code.replace("obi --symbol BTC --detail", "cat obi/*.jsonl").replace("0.6", "0.01"), "bash"
    ).splitlines()
    assert 0 < len(found) < MINUTES * 3
    assert all("within 50 bps" in line for line in found)


def test_cloudwatch(run: Run, logs: Any, url: str) -> None:
    """The filters and the alarm are accepted; the pattern's place in the ladder is that of 50 bps."""
    run(*having("put_metric_alarm"))
    filters = logs.describe_metric_filters(logGroupName="obi")["metricFilters"]
    with aws_client("cloudwatch", url) as cloudwatch:
        (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
    values = {each["metricTransformations"][0]["metricValue"] for each in filters}
    assert values == {"$.notional_ask_within[5]", "$.notional_bid_within[5]"}
    assert [each["Id"] for each in alarm["Metrics"]] == ["bid", "ask", "obi"]
    assert RUNGS_BPS[5] == 50


def test_systemd(folder: Path, run: Run) -> None:
    """The unit is valid, and its command fills the folder."""
    (unit,) = (block.code for block in RECIPES if block.language == "ini")
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.read_string(unit)
    command = shlex.split(parser["Service"]["ExecStart"])
    assert command[-1] == f"/var/lib/{parser['Service']['StateDirectory']}"
    run(shlex.join(["obi", *command[1:-1], "state"]), "bash")
    lines = [json.loads(line) for file in (folder / "state").iterdir() for line in file.read_text().splitlines()]
    assert {(line["symbol"], line["market"]) for line in lines} == {(symbol, market.name) for symbol, market in PAIRS}
    if shutil.which("systemd-analyze"):
        (folder / "obi.service").write_text(unit.replace(command[0], sys.executable))
        verify = ["systemd-analyze", "verify", str(folder / "obi.service")]
        checked = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert "obi.service" not in checked.stderr, checked.stderr


def test_book_depth(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stale row is left out, and no good one; what is left has the columns of records."""
    names = run(*having("bookdepth.sql"))
    monkeypatch.chdir(folder)  # where its views look
    rows = duckdb.execute("SELECT strftime(moment, '%Y-%m-%d %H:%M:%S'), side, bps, is_stale FROM audited").fetchall()
    found = {(moment, side, bps) for moment, side, bps, is_stale in rows if is_stale}
    assert found == {tuple(row) for row in json.loads((folder / "stale.json").read_text())}
    assert 0 < len(found) < len(rows)
    frame = duckdb.execute("SELECT * FROM book_depth").df()
    assert set(frame.columns) < set(ALL_COLUMNS)
    assert not frame.duplicated(["pair", "slot"]).any()
    assert frame["obi_100bps"].abs().max() < 0.5
    both = names["both"].filter("pair = 'usdm:BTCUSDT'").df()
    assert (both["notional_bid_100bps"].notna().sum(), len(both)) == (len(frame), len(frame) + MINUTES - len(MISSING))


def test_publishing(folder: Path, run: Run) -> None:
    """The card and the report are one page, beside the records and the picture."""
    (code,) = (block.code for block in blocks("publishing.md") if block.language == "bash")
    run(code, "bash")
    page = (folder / "data" / "README.md").read_text()
    assert page.index("# Order book imbalance of PAIRS") < page.index("## Coverage") < page.index("(report.png)")
    assert (folder / "data" / "report.png").stat().st_size > 10_000
    assert polars.read_parquet(folder / "data" / "records.parquet").height == 3 * MINUTES
