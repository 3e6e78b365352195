"""The picture from the command line, and by whoever's configuration of matplotlib: the same for everyone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archive import Archive, archives, lines, record
from support.program import ROOT
from support.servers import moto

from handler.stores.items import item_from_record

RECORDS = [record(minute, mid=90_000.0 + minute) for minute in range(100)]


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with moto() as url, archives(url) as new:
        archive = new()
        archive.fill([item_from_record(one, 60) for one in RECORDS])
        yield archive


FLAGS = ["history", "--symbol", "BTC", "--since", "2024-01-01", "--until", "2024-01-02", "--plot"]


def test_the_command_draws_instead_of_printing(archive: Archive, tmp_path: Path) -> None:
    done = archive.run(*FLAGS, str(tmp_path / "picture.png"), MPLCONFIGDIR=str(tmp_path / "matplotlib"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


STYLE = """
timezone: America/New_York
date.epoch: 2000-01-01T00:00:00
backend: module://nowhere.to.be.found
text.usetex: True
font.size: 30
font.family: No Such Font
axes.facecolor: black
axes.prop_cycle: cycler('color', ['red'])
axes.formatter.limits: -1, 1
lines.linewidth: 9
savefig.bbox: tight
savefig.format: pdf
figure.dpi: 30
no.such.key: 1
font.weight: no such weight
no colon
"""
DRAWING = """
from handler.cli.plot import draw
from handler.record import Record
record = Record("2024-01-01T10:00:07Z", "BTCUSDT", 0.5, 3.0, 1.0, 5, mid=3000.7)
draw([record], "picture.png", 60, since=1704067200, until=1704153600)
"""


def picture(directory: Path, **environment: str) -> bytes:
    """What is drawn in that directory by a process that has nothing to say."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MPL", "MATPLOTLIB"))}
    done = subprocess.run(
        [sys.executable, "-c", DRAWING],
        cwd=directory,
        env=plain
        | {"PYTHONPATH": str(ROOT), "HOME": str(directory), "XDG_CACHE_HOME": str(directory.parent)}
        | environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (directory / "picture.png").read_bytes()


@pytest.fixture(scope="module")
def plain_picture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return picture(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("variable", ["MATPLOTLIBRC", "MPLCONFIGDIR", None])
def test_the_users_configuration_of_matplotlib_does_not_matter(
    plain_picture: bytes, tmp_path: Path, variable: str | None
) -> None:
    """Neither one in the working directory nor one that a variable points to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "matplotlibrc").write_text(STYLE)
    if variable:
        assert picture(tmp_path, **{variable: str(elsewhere)}) == plain_picture
    else:
        assert picture(elsewhere) == plain_picture


def test_a_damaged_configuration_does_not_matter(plain_picture: bytes, tmp_path: Path) -> None:
    """Of the home directory, say: the file is not read."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "matplotlibrc").write_bytes(b"font.family: \xff")
    assert picture(tmp_path, MPLCONFIGDIR=str(elsewhere)) == plain_picture


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MPLBACKEND", "module://matplotlib_inline.backend_inline"),
        ("MPLBACKEND", "nonsense"),
        ("MPLBACKEND", "TkAgg"),
        ("MPLCONFIGDIR", "/dev/null/no/directory"),
        ("MATPLOTLIBRC", "/no/such/file"),
        ("TZ", "America/New_York"),
    ],
)
def test_the_environment_does_not_matter(plain_picture: bytes, tmp_path: Path, variable: str, value: str) -> None:
    assert picture(tmp_path, **{variable: value}) == plain_picture


def test_the_command_draws_in_the_shell_of_a_notebook(archive: Archive, tmp_path: Path) -> None:
    done = archive.run(
        *FLAGS,
        str(tmp_path / "picture.svg"),
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        MPLCONFIGDIR="/dev/null/no/directory",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_matplotlib_reads_is_left_as_it_was() -> None:
    code = "import os, sys; before = dict(os.environ); import handler.cli.plot; sys.exit(os.environ != before)"
    environment = os.environ | {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": "somewhere"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment).returncode == 0


def test_a_configuration_that_cannot_be_read_is_one_sentence(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"font.family: \xff")
    done = subprocess.run(
        [sys.executable, "-m", "handler", *FLAGS, "picture.png"],
        cwd=tmp_path,
        env=os.environ | archive.environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "matplotlibrc" in done.stderr


def test_too_many_panels_are_refused_before_the_table_is_read(
    archive: Archive, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pairs = [f"A{number}" for number in range(110)]
    flags = ["--symbol", *pairs, "--levels", "5", "20", "--table", "no-such-table"]
    assert archive.run_here(*FLAGS, str(tmp_path / "picture.png"), *flags) == 2
    _, err = capfd.readouterr()
    assert "at most 12 panels" in err
    assert "22" in err


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
    assert done.stdout == lines(RECORDS)
