"""The picture shows what was measured, and leaves open what was not."""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from support.archive import PAST, record

from handler.cli import plot
from handler.cli.plot import MAX_POINTS, draw
from handler.cli.plot_samples import MAX_PANELS, check_panels
from handler.errors import HandlerError, UsageError
from handler.record import Depth, Record, no_data
from handler.slots import format_timestamp, parse_timestamp

DAY = 86_400
DAY_RANGE = {"since": PAST, "until": PAST + DAY}
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

    def run(
        records: Sequence[Record], interval_seconds: int = 60, *, since: float = PAST, until: float | None = None
    ) -> Any:
        if until is None:
            until = max(parse_timestamp(one.timestamp) for one in records) // 60 * 60 + 60
        draw(iter(records), str(tmp_path / "picture.svg"), interval_seconds, since=since, until=until)
        return figures[-1]

    monkeypatch.setattr(plot, "Figure", figure)
    return run


def samples(
    minutes: Sequence[int], symbol: str = "BTCUSDT", levels: int = 5, price: float | None = 90_000.0
) -> list[Record]:
    rng = random.Random(symbol)
    return [
        record(
            minute,
            symbol,
            levels,
            obi=round(rng.uniform(-1, 1), 6),
            mid=price and price + rng.random(),
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


def test_panels(drawn: Draw) -> None:
    """Price is above and imbalance below, on one time axis."""
    records = samples(range(60))
    prices, imbalance = drawn(records).axes
    assert prices.get_position().y0 > imbalance.get_position().y0
    assert prices.get_shared_x_axes().joined(prices, imbalance)
    assert line(prices)[1].tolist() == [one.mid for one in records]
    assert line(imbalance)[1].tolist() == [one.obi for one in records]
    assert imbalance.get_ylim() == (-1.05, 1.05)
    assert "quote asset" in prices.get_ylabel()


@pytest.mark.parametrize("panel", [0, 1])
def test_gap(drawn: Draw, panel: int) -> None:
    """A gap is never bridged."""
    figure = drawn(samples([0, 1, 2, 4, 5, 9, 30, 31]))
    assert parts(figure.axes[panel]) == [[0, 1, 2], [4, 5], [9], [30, 31]]


def test_sample_between_gaps(drawn: Draw) -> None:
    """A sample between two gaps is a dot."""
    _, imbalance = drawn(samples([0, 1, 5, 9, 10, 20])).axes
    dots = [one for one in imbalance.lines if one.get_marker() == "."]
    assert [round((day * DAY - PAST) / 60) for one in dots for day in one.get_xdata()] == [5, 20]


def test_one_sample(drawn: Draw) -> None:
    """One sample is a dot."""
    _, imbalance = drawn(samples([7])).axes
    assert [len(one.get_xdata()) for one in imbalance.lines if one.get_marker() == "."] == [1]


def test_unknown_price(drawn: Draw) -> None:
    """An unknown price is a gap in the price only."""
    records = [*samples(range(3)), *samples([3], price=None), *samples(range(4, 6))]
    prices, imbalance = drawn(records).axes
    assert np.flatnonzero(np.isnan(line(prices)[1])).tolist() == [3]
    assert parts(imbalance) == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("days", [30, 120])
def test_many_samples(drawn: Draw, days: int) -> None:
    """Many samples are means in a band, and gaps stay open."""
    missing = range(days * 700, days * 700 + days * 6)
    records = samples([minute for minute in range(0, days * 1440, 5) if minute not in missing])
    prices, imbalance = drawn(records, 300).axes
    times, means = line(imbalance)
    label = {30: "2-h mean", 120: "6-h mean"}[days]
    assert MAX_POINTS / 2 < len(means) <= MAX_POINTS + 4
    (broken,) = np.flatnonzero(np.isnan(means))
    assert times[broken - 1] < missing.start <= missing.stop <= times[broken + 1]
    assert np.nanmax(np.abs(means)) < 0.6  # single samples reach from -1 to 1
    band = imbalance.collections[0].get_paths()
    assert len(band) == 2  # one on either side of the gap
    assert all(np.abs(path.vertices[:, 1]).max() <= 1 for path in band)
    assert imbalance.get_title(loc="left") == f"BTCUSDT, 5 levels: {label}; shaded: 10th to 90th percentile"
    assert prices.get_title(loc="left") == f"BTCUSDT: {label}"
    assert not prices.collections


def test_day_of_minutes(drawn: Draw) -> None:
    """A day of minutes is drawn with three of them to a point."""
    _, imbalance = drawn(samples(range(1440))).axes
    assert len(line(imbalance)[1]) == MAX_POINTS


def test_several_series(drawn: Draw) -> None:
    """Pairs and depths are distinguished."""
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


def test_step_is_averaged_whole(drawn: Draw) -> None:
    """A step is averaged whole, whatever it holds."""
    rng = random.Random(4)
    records = samples([minute for minute in range(7 * 1440) if rng.random() > 0.05])
    prices, imbalance = drawn(records).axes
    steps: dict[int, list[Record]] = {}
    for one in records:
        steps.setdefault(parse_timestamp(one.timestamp) // (30 * 60), []).append(one)
    assert line(imbalance)[1] == pytest.approx([np.mean([one.obi for one in step]) for step in steps.values()])
    assert line(prices)[1] == pytest.approx([np.mean([one.mid or 0 for one in step]) for step in steps.values()])
    assert "30-min mean; shaded: 10th to 90th percentile" in imbalance.get_title(loc="left")


def test_line_break(drawn: Draw) -> None:
    """The line breaks only where a step is empty."""
    missing = [*range(100, 104), *range(301, 303), *range(600, 603)]  # of steps of 3 min, the last is a whole one
    _, imbalance = drawn(samples([minute for minute in range(1440) if minute not in missing]), until=PAST + DAY).axes
    assert [round(part[0]) for part in parts(imbalance)] == [1, 604]


@pytest.mark.parametrize(("interval", "label"), [(1, "15-s"), (10, "20-s"), (60, "60-s"), (300, ""), (7, "21-s")])
def test_step_unit(drawn: Draw, interval: int, label: str) -> None:
    """The length of a step is named in a unit that fits."""
    _, imbalance = drawn(samples(range(3)), interval, until=PAST + 7200).axes
    expected = label.replace("60-s", "")  # one sample a step is no mean
    assert imbalance.get_title(loc="left").partition(": ")[2].removesuffix("; shaded: 10th to 90th percentile") == (
        f"{expected} mean" if expected else ""
    )


@pytest.mark.parametrize(("days", "label"), [(1, "3-min"), (90, "6-h"), (365, "1-day"), (3650, "14-day")])
def test_step_is_readable(drawn: Draw, days: int, label: str) -> None:
    """A long range is drawn in steps of a length that has a short name."""
    _, imbalance = drawn(samples(range(3)), until=PAST + days * DAY).axes
    assert imbalance.get_title(loc="left").startswith(f"BTCUSDT, 5 levels: {label} mean")


@pytest.mark.parametrize("minutes", [[20_000 + n for n in range(12)], [0], [43_199], range(0, 43_200, 7)])
def test_axis_range(drawn: Draw, minutes: Sequence[int]) -> None:
    """The axis is the range requested."""
    figure = drawn(samples(minutes), until=PAST + 30 * DAY)
    for axes in figure.axes:
        assert np.array(axes.get_xlim()) * DAY == pytest.approx([PAST, PAST + 30 * DAY])
    assert figure.axes[-1].get_xlabel() == "UTC, from 2024-01-01 00:00 to 2024-01-31 00:00"


def test_sample_beside_the_range(drawn: Draw) -> None:
    """A sample beside the range is in the picture too."""
    axes = drawn(samples([0, 1]), since=PAST + 10, until=PAST + 65).axes[-1]
    assert np.array(axes.get_xlim()) * DAY == pytest.approx([PAST + 7, PAST + 67])


@pytest.mark.parametrize("seconds", [1, 50, 3600, 5 * 3600, DAY, 3 * DAY, 31 * DAY, 366 * DAY, 40 * 365 * DAY])
@pytest.mark.parametrize("since", [PAST, PAST + 4321])
def test_time_labels(drawn: Draw, since: int, seconds: int) -> None:
    """Ticks are few, and labelled in UTC."""
    axes = drawn(samples([0]), since=since, until=since + seconds).axes[-1]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert (3 if seconds > 100 else 0) <= len(labels) <= 11
    for label, tick in zip(labels, axes.get_xticks(), strict=True):
        assert label in format_timestamp(round(tick * DAY)).replace("T", " ")
        assert len(label) == 10 or not tick.is_integer()
        assert seconds <= 31 * DAY or label.endswith("-01")  # months, or years


PRICES: dict[str, list[float]] = {
    "quiet": [3000.7 + n % 3 * 0.01 for n in range(300)],
    "quiet and large": [98_765.43 + n % 2 * 0.01 for n in range(300)],
    "constant": [0.1] * 2000,
    "constant and tiny": [1.2e-8] * 2000,
    "tiny": [1e-8 + n * 1e-12 for n in range(300)],
    "below 1e-8": [3e-9 + n * 1e-11 for n in range(300)],
    "wide": [1e-8 if n % 2 else 1e5 for n in range(300)],
    "one": [64_000.5],
}


@pytest.mark.parametrize("prices", PRICES.values(), ids=PRICES)
def test_price_labels(drawn: Draw, prices: list[float]) -> None:
    """No exponent, no offset, and enough digits to distinguish neighbouring ticks."""
    figure = drawn([record(minute, mid=mid) for minute, mid in enumerate(prices)])
    figure.draw_without_rendering()
    axis = figure.axes[0].yaxis
    labels = [text.get_text().replace("\N{MINUS SIGN}", "-") for text in axis.get_ticklabels()]
    assert axis.get_offset_text().get_text() == ""
    assert not set("".join(labels)) - set("-.0123456789")
    assert [float(label) for label in labels] == pytest.approx(list(axis.get_ticklocs()), rel=1e-6)
    assert len(set(labels)) == len(labels) >= 3


def test_no_data(drawn: Draw) -> None:
    """A record without data is a gap."""
    absent = no_data(format_timestamp(PAST + 125), "BTCUSDT", Depth(5))
    figure = drawn([*samples(range(2)), absent, *samples(range(3, 5))])
    assert parts(figure.axes[0]) == parts(figure.axes[1]) == [[0, 1], [3, 4]]


def test_price_of_several_depths(drawn: Draw) -> None:
    """The price of a pair is drawn once, from whichever depth has it."""
    records = samples(range(5)) + samples(range(3, 10), levels=20)
    prices, *panels = drawn(records).axes
    assert len(panels) == 2
    assert parts(prices) == [[*range(10)]]


def test_no_price(drawn: Draw) -> None:
    """Pairs without any price are drawn all the same."""
    prices, *_ = drawn(samples(range(5), price=None) + samples(range(5), "ETHUSDT", price=None)).axes
    assert [text.get_text() for text in prices.texts] == ["no mid price is stored"]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7, MAX_PANELS])
def test_no_overlap(drawn: Draw, count: int) -> None:
    """Nothing overlaps in any number of panels."""
    names = [f"1000SATS{letter}USDT" for letter in "ABCDEFGHIJKL"[:count]]
    figure = drawn([one for name in names for one in samples(range(1440), name, price=3e-8)])
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    assert all(min(box.x0, box.y0) >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert all(axes.get_window_extent().height > 100 for axes in figure.axes)
    assert len({axes.lines[0].get_color() for axes in figure.axes[1:]}) == count


def test_too_many_panels(drawn: Draw) -> None:
    """More panels than are readable are refused, without reading on."""

    def records() -> Iterator[Record]:
        for levels in range(1, MAX_PANELS + 2):
            yield from samples([0], levels=levels)
        raise AssertionError

    with pytest.raises(UsageError, match=r"at most 12 panels.* 13 are requested.*fewer"):
        draw(records(), "picture.png", 60, **DAY_RANGE)
    check_panels(MAX_PANELS)


def test_name(tmp_path: Path) -> None:
    """A name is drawn as it is spelled."""
    for name in ("A$B_$USDT", "$\\frac$USDT", "币安人生USDT"):
        draw(samples(range(3), name), str(tmp_path / "picture.png"), 60, **DAY_RANGE)


@pytest.mark.parametrize("name", ["picture.png", "picture.svg"])
def test_written_picture(tmp_path: Path, name: str) -> None:
    """A picture is written."""
    path = tmp_path / name
    draw(samples([*range(300), *range(400, 900)]) + samples(range(900), levels=20), str(path), 60, **DAY_RANGE)
    if path.suffix == ".svg":
        picture = ElementTree.parse(path).getroot()
        assert picture.tag == f"{SVG}svg"
        assert max(len(one.get("d") or "") for one in picture.iter(f"{SVG}path")) > 5000
    else:
        pixels = imread(path)
        assert pixels.shape[:2] == (960, 1440)
        assert len(np.unique(pixels[::5, ::5].reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_case_of_ending(tmp_path: Path) -> None:
    """The case of the ending does not matter."""
    draw(samples(range(3)), str(tmp_path / "PICTURE.SVG"), 60, **DAY_RANGE)
    assert ElementTree.parse(tmp_path / "PICTURE.SVG").getroot().tag == f"{SVG}svg"


def test_gap_in_svg(tmp_path: Path) -> None:
    """In the SVG a line starts anew after a gap."""

    def moves(minutes: list[int]) -> int:
        path = tmp_path / "picture.svg"
        draw(samples(minutes), str(path), 60, since=PAST, until=PAST + 9000)
        lines = [one.get("d") or "" for one in ElementTree.parse(path).getroot().iter(f"{SVG}path")]
        return sum(text.count("M") for text in lines if len(text) > 700)

    assert moves([*range(40), *range(60, 100), *range(110, 150)]) - moves([*range(150)]) == 2 * 2


@pytest.mark.parametrize("name", ["picture.gif", "picture", "picture.png.txt", ".svg"])
def test_other_ending(tmp_path: Path, name: str) -> None:
    """Another ending is refused before anything is read."""

    def nothing() -> Iterator[Record]:
        raise AssertionError
        yield

    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        draw(nothing(), str(tmp_path / name), 60, **DAY_RANGE)


def test_empty_range(tmp_path: Path) -> None:
    """An empty range is an error and no file."""
    with pytest.raises(HandlerError, match="nothing to draw"):
        draw([], str(tmp_path / "picture.png"), 60, **DAY_RANGE)
    assert list(tmp_path.iterdir()) == []
