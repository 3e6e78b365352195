"""The picture shows what was measured, and leaves open what was not."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from archive import PAST, Archive, archives, lines, record
from matplotlib.figure import Figure
from matplotlib.image import imread
from servers import moto

from handler import plot
from handler.errors import HandlerError, UsageError
from handler.plot import BAND, MOST_POINTS, draw
from handler.record import Record

DAY = 86_400
SVG = "{http://www.w3.org/2000/svg}"
Draw = Callable[..., Any]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Draw:
    """Draw records; gives matplotlib's own figure, without rendering it."""
    figures: list[Any] = []

    def figure(**options: Any) -> Any:
        figures.append(Figure(**options))
        monkeypatch.setattr(figures[-1], "savefig", lambda path: None)
        return figures[-1]

    def run(records: Sequence[Record], interval_seconds: int = 60) -> Any:
        draw(iter(records), str(tmp_path / "picture.svg"), interval_seconds)
        return figures[-1]

    monkeypatch.setattr(plot, "Figure", figure)
    return run


def samples(
    minutes: Sequence[int], symbol: str = "BTCUSDT", levels: int = 5, price: float | None = 90_000.0
) -> list[Record]:
    chance = random.Random(symbol)
    return [
        record(
            minute,
            symbol,
            levels,
            obi=round(chance.uniform(-1, 1), 6),
            mid=price and price + chance.random(),
        )
        for minute in minutes
    ]


def line(axes: Any) -> tuple[Any, Any]:
    """The times of a panel's line, in minutes of PAST's year, and its values; a break is a NaN between them."""
    times, values = axes.lines[0].get_data()
    return np.round((np.asarray(times) * DAY - PAST) / 60, 3), np.asarray(values)


def parts(axes: Any) -> list[list[int]]:
    """The minutes that are connected with each other."""
    times, values = line(axes)
    broken = np.flatnonzero(np.isnan(values))
    assert np.array_equal(np.isnan(times), np.isnan(values))
    return [
        [int(minute) for minute in part if not np.isnan(minute)] for part in np.split(times, broken) if len(part) > 0
    ]


def test_price_is_above_and_imbalance_below_on_one_time_axis(drawn: Draw) -> None:
    records = samples(range(60))
    prices, imbalance = drawn(records).axes
    assert prices.get_position().y0 > imbalance.get_position().y0
    assert prices.get_shared_x_axes().joined(prices, imbalance)
    assert line(prices)[1].tolist() == [one.mid for one in records]
    assert line(imbalance)[1].tolist() == [one.obi for one in records]
    assert imbalance.get_ylim() == (-1.05, 1.05)
    assert "quote asset" in prices.get_ylabel()


@pytest.mark.parametrize("panel", [0, 1])
def test_a_gap_is_never_bridged(drawn: Draw, panel: int) -> None:
    figure = drawn(samples([0, 1, 2, 4, 5, 9, 30, 31]))
    assert parts(figure.axes[panel]) == [[0, 1, 2], [4, 5], [9], [30, 31]]


def test_a_sample_between_two_gaps_is_a_dot(drawn: Draw) -> None:
    _, imbalance = drawn(samples([0, 1, 5, 9, 10, 20])).axes
    dots = [one for one in imbalance.lines if one.get_marker() == "."]
    assert [round((day * DAY - PAST) / 60) for one in dots for day in one.get_xdata()] == [5, 20]


def test_one_sample_is_a_dot(drawn: Draw) -> None:
    _, imbalance = drawn(samples([7])).axes
    assert [len(one.get_xdata()) for one in imbalance.lines if one.get_marker() == "."] == [1]


def test_a_price_that_is_unknown_is_a_gap_in_the_price_only(drawn: Draw) -> None:
    records = [*samples(range(3)), *samples([3], price=None), *samples(range(4, 6))]
    prices, imbalance = drawn(records).axes
    assert np.flatnonzero(np.isnan(line(prices)[1])).tolist() == [3]
    assert parts(imbalance) == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("days", [30, 120])
def test_many_samples_are_means_in_a_band_and_gaps_stay_open(drawn: Draw, days: int) -> None:
    missing = range(days * 700, days * 700 + 10)
    records = samples([minute for minute in range(0, days * 1440, 5) if minute not in missing])
    prices, imbalance = drawn(records, 300).axes
    times, means = line(imbalance)
    assert MOST_POINTS / 2 < len(means) <= MOST_POINTS + 4
    (broken,) = np.flatnonzero(np.isnan(means))
    assert times[broken - 1] < missing.start <= missing.stop <= times[broken + 1]
    assert np.nanmax(np.abs(means)) < 0.6  # single samples reach from -1 to 1
    band = imbalance.collections[0].get_paths()
    assert len(band) == 2  # one on either side of the gap
    assert all(BAND[0] > 0 and np.abs(path.vertices[:, 1]).max() <= 1 for path in band)
    assert f"mean of {days * 3} min" in imbalance.get_title(loc="left")
    assert not prices.collections


def test_a_day_of_minutes_is_drawn_with_three_of_them_to_a_point(drawn: Draw) -> None:
    _, imbalance = drawn(samples(range(1440))).axes
    assert len(line(imbalance)[1]) == MOST_POINTS


def test_pairs_and_depths_are_told_apart(drawn: Draw) -> None:
    series = [("BTCUSDT", 5), ("BTCUSDT", 20), ("ETHUSDT", 5), ("ETHUSDT", 20)]
    figure = drawn(
        [one for name in series for one in samples(range(9), *name, price=90_000.0 if "B" in name[0] else 3.0)]
    )
    prices, *panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        f"{symbol}, {levels} levels" for symbol, levels in series
    ]
    colors = [axes.lines[0].get_color() for axes in panels]
    assert colors[0] == colors[1] != colors[2] == colors[3]
    assert [text.get_text() for text in prices.get_legend().get_texts()] == ["BTCUSDT", "ETHUSDT"]
    assert [one.get_color() for one in prices.lines[::2]] == colors[::2]
    assert "%" in prices.get_ylabel()
    assert line(prices)[1][0] == 0


@pytest.mark.parametrize("name", ["picture.png", "picture.svg"])
def test_a_picture_is_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    draw(samples([*range(300), *range(400, 900)]) + samples(range(900), levels=20), str(path), 60)
    if path.suffix == ".svg":
        picture = ElementTree.parse(path).getroot()
        assert picture.tag == f"{SVG}svg"
        assert max(len(one.get("d") or "") for one in picture.iter(f"{SVG}path")) > 5000
    else:
        pixels = imread(path)
        assert pixels.shape[:2] == (960, 1440)
        assert len(np.unique(pixels[::5, ::5].reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_the_case_of_the_ending_does_not_matter(tmp_path: Path) -> None:
    draw(samples(range(3)), str(tmp_path / "PICTURE.SVG"), 60)
    assert ElementTree.parse(tmp_path / "PICTURE.SVG").getroot().tag == f"{SVG}svg"


def test_in_the_svg_a_line_starts_anew_after_a_gap(tmp_path: Path) -> None:
    def moves(minutes: list[int]) -> int:
        path = tmp_path / "picture.svg"
        draw(samples(minutes), str(path), 60)
        lines = [one.get("d") or "" for one in ElementTree.parse(path).getroot().iter(f"{SVG}path")]
        return sum(text.count("M") for text in lines if len(text) > 700)

    assert moves([*range(40), *range(60, 100), *range(110, 150)]) - moves([*range(150)]) == 2 * 2


@pytest.mark.parametrize("name", ["picture.gif", "picture", "picture.png.txt", ".svg"])
def test_another_ending_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    def nothing() -> Iterator[Record]:
        raise AssertionError
        yield

    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        draw(nothing(), str(tmp_path / name), 60)


def test_an_empty_range_is_an_error_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(HandlerError, match="nothing to draw"):
        draw([], str(tmp_path / "picture.png"), 60)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with moto() as url, archives(url) as new:
        archive = new()
        archive.fill([one.to_item(60) for one in samples(range(100))])
        yield archive


FLAGS = ["history", "--symbol", "BTC", "--since", "2024-01-01", "--until", "2024-01-02", "--plot"]


def test_the_command_draws_instead_of_printing(archive: Archive, tmp_path: Path) -> None:
    done = archive.run(*FLAGS, str(tmp_path / "picture.png"), MPLCONFIGDIR=str(tmp_path / "matplotlib"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("flags", "name", "code", "words"),
    [
        ([], "picture.jpg", 2, "must end in .png or .svg"),
        (["--since", "2023-01-01", "--until", "2023-01-02"], "picture.png", 1, "nothing to draw"),
        ([], "no/picture.png", 1, "No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    archive: Archive,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    flags: list[str],
    name: str,
    code: int,
    words: str,
) -> None:
    assert archive.run_here(*FLAGS, str(tmp_path / name), *flags) == code
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), words in err) == ("", 1, True)
    assert not (tmp_path / name).exists()


def test_without_matplotlib_it_says_how_to_install_it(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('blocked')\n")
    done = archive.run(*FLAGS, str(tmp_path / "picture.png"), PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "pip install matplotlib" in done.stderr


def test_without_matplotlib_everything_else_works(archive: Archive, tmp_path: Path) -> None:
    for name in ("matplotlib", "rich", "numpy", "pandas"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('blocked')\n")
    done = archive.run(*FLAGS[:-1], PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == lines(samples(range(100)))
