"""README, CONTRIBUTING and docs/ are true: commands run, flags and files exist, the map of the code is whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import ROOT, shell

from handler import __version__
from handler.cli.main import COMMANDS
from handler.options import OPTIONS
from infra.fake_exchange import FakeExchange

PAGES = {path: path.read_text() for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]}
README = PAGES[ROOT / "README.md"]
SHELL = [line for block in re.findall(r"```bash\n(.*?)```", README, re.S) for line in block.splitlines()]
READING = [line for line in SHELL if line.startswith(tuple(f"obi {command}" for command in COMMANDS))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which README's commands that sample have run, once each, against the fake exchange."""
    folder = tmp_path_factory.mktemp("readme")
    commands = [line for line in SHELL if line.startswith("obi --symbol")]
    with FakeExchange(symbols=["BTCUSDT", "ETHUSDT"]) as exchange:
        for line in commands:
            done = shell(f"{line} --base-url {exchange.url}", folder)
            assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 3)
    assert commands
    return folder


@pytest.mark.parametrize("line", READING)
def test_reading_commands(folder: Path, line: str) -> None:
    """Each command that reads succeeds on what the sampler stored, and prints or writes something."""
    done = shell(line, folder)
    assert (done.returncode, done.stderr) == (0, "")
    outputs = re.findall(r"--(?:output|plot) (\S+)", line)
    assert done.stdout or all((folder / name).stat().st_size for name in outputs)


def test_every_command_is_known() -> None:
    """A command in README is run by a test: here, by tests/deploy, or by .ci/run."""
    elsewhere = ("make ", "python3 -m venv ", "pip install ", "cp ", "obi --symbol", "obi load ")
    assert [line for line in SHELL if line not in READING and not line.startswith(elsewhere)] == []


def test_flags() -> None:
    """README's table of flags says each variable and default as the program has it."""
    rows = re.findall(r"^\| `(--[\w-]+)[^`]*` \| (?:`(\w+)`)? ?\| (\S*) ?\|", README, re.M)
    assert len(rows) == 11
    for flag, variable, default in rows:
        assert (variable, default) == (OPTIONS[flag].variable, OPTIONS[flag].default or "")


def test_links() -> None:
    """Every file that a page links to exists, and so does every flag that one names."""
    for path, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
        if path.name != "CHANGELOG.md":
            flags = set(re.findall(r"(?:obi|python -m handler)[^\n`|]* (--[a-z][\w-]*)", text))
            assert {flag for flag in flags if flag.replace("-", "_") not in FLAGS} == set(), path.name


FLAGS = {flag.replace("-", "_") for flag in (*OPTIONS, "--help", "--version")}


def test_computed_pages() -> None:
    """What commands compute is in the pages as they compute it: the map of the code, costs."""
    pages = ["docs/code.md", "docs/cost.md"]
    command = [sys.executable, "-m", "cogapp", "--check", "-PI.", *pages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run make docs: {done.stdout}"
    assert "sampler.py        One slot" in (ROOT / "docs/code.md").read_text()


def test_promises() -> None:
    """The page of promises names every file of tests, and no other."""
    text = (ROOT / "tests/PROMISES.md").read_text()
    files = {str(path.relative_to(ROOT / "tests")) for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"[a-z]+/test_\w+\.py", text)) == files


def test_changelog() -> None:
    """The changelog has an entry for this version."""
    assert f"## {__version__}\n" in PAGES[ROOT / "CHANGELOG.md"]
