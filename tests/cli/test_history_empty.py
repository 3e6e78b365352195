"""Where the range asked for holds nothing, `history` says so, with what there is, and that is no error."""

from pathlib import Path

import pytest
from support.archive import Archive, lines, record

from handler.stores.items import item_from_record

Capture = pytest.CaptureFixture[str]
NEXT_DAY = ["--since", "2024-01-02", "--until", "2024-01-03"]
DAY = ["--since", "2024-01-01", "--until", "2024-01-02"]
HELD = "but from 2024-01-01T00:00:00Z to 2024-01-01T00:09:00Z"


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """A table with ten minutes of BTCUSDT, and of ETHBTC as `--symbol ETH --quote BTC` records it."""
    archive.fill(
        [item_from_record(record(minute, symbol), 60) for minute in range(10) for symbol in ("BTCUSDT", "ETHBTC")]
    )
    return archive


@pytest.mark.parametrize(
    ("format_name", "heading"),
    [("jsonl", ""), ("csv", "timestamp,symbol,obi,notional_bid,notional_ask,levels\n"), ("table", "")],
)
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--symbol", "BTC", *NEXT_DAY], ["BTCUSDT#5", HELD]),
        (["--symbol", "BTC"], ["BTCUSDT#5", HELD]),
        (["--symbol", "BTC", *DAY, "--levels", "20"], ["BTCUSDT#20", "at any time", "--levels"]),
        (["--symbol", "XRP", *DAY], ["XRPUSDT", "at any time", "--symbol", "--table", "XRP"]),
        (["--symbol", "ETHBTC", *DAY], ["ETHBTCUSDT", "at any time", "USDT was appended", "write ETH/BTC"]),
        (["--symbol", "XRP/BTC", *DAY], ["XRPBTC", "at any time", "--symbol"]),
    ],
)
def test_an_empty_range_is_one_sentence_on_stderr_and_exit_0_in_every_format(
    filled: Archive, capfd: Capture, flags: list[str], words: list[str], format_name: str, heading: str
) -> None:
    assert filled.run_here("history", *flags, "--format", format_name) == 0
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == (heading, 1)
    assert err.startswith(f"handler: table {filled.name} holds no record of ")
    assert [word for word in words if word not in err] == []
    assert ("appended" in err) == ("at any time" in err and "XRP/BTC" not in flags)


def test_each_empty_series_has_its_sentence_and_the_others_are_printed(filled: Archive, capfd: Capture) -> None:
    assert filled.run_here("history", "--symbol", "BTC", "XRP/USDT", "--levels", "5", "20", *DAY) == 0
    out, err = capfd.readouterr()
    assert out == lines(record(minute) for minute in range(10))
    assert [sentence.split(" at any time")[0].split("record of ")[1] for sentence in err.splitlines()] == [
        "BTCUSDT#20",
        "XRPUSDT#5",
        "XRPUSDT#20",
    ]


@pytest.mark.parametrize("flags", [["--symbol", "ETH/BTC"], ["--symbol", "ETH", "--quote", "BTC"]])
def test_a_pair_that_was_recorded_with_another_quote_asset_is_found_by_its_slash(
    filled: Archive, capfd: Capture, flags: list[str]
) -> None:
    assert filled.run_here("history", *flags, *DAY) == 0
    out, err = capfd.readouterr()
    assert (out, err) == (lines(record(minute, "ETHBTC") for minute in range(10)), "")


def test_a_picture_of_nothing_is_not_written_and_an_error_with_the_range_that_there_is(
    filled: Archive, capfd: Capture, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    assert filled.run_here("history", "--symbol", "BTC", *NEXT_DAY, "--plot", str(picture)) == 1
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), picture.exists()) == ("", 1, False)
    assert [word for word in ("nothing to draw", str(picture), HELD) if word not in err] == []


def test_a_picture_of_some_series_says_which_are_not_in_it(filled: Archive, capfd: Capture, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    assert filled.run_here("history", "--symbol", "BTC", "XRP/USDT", *DAY, "--plot", str(picture)) == 0
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), picture.exists()) == ("", 1, True)
    assert "no record of XRPUSDT" in err
