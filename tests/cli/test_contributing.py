"""CONTRIBUTING.md: its map of the code, its layers and its recipe for a detail key are true."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.fakes import BOOK
from support.program import PATIENCE_SECONDS, ROOT, environment

from infra.fake_exchange import FakeExchange

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"^#+ ", CONTRIBUTING.partition(f"# {title}\n")[2], maxsplit=1, flags=re.M)[0]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of handler/ and of the configuration."""
    shutil.copytree(ROOT / "handler", tmp_path / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def insert_after(path: Path, pattern: str, line: str) -> None:
    """Insert a line after the last one that the pattern matches."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    index = max(number for number, text in enumerate(lines) if re.fullmatch(pattern, text.rstrip("\n")))
    lines.insert(index + 1, f"{line}\n")
    path.write_text("".join(lines), encoding="utf-8")


def python(folder: Path, *words: str) -> str:
    """Run Python in a folder, whose packages come first; returns what it printed."""
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment(PYTHONPATH=str(folder)), stdin=subprocess.DEVNULL,
        capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_map_names_every_module() -> None:
    """Each module of handler/ is on the map of the code, and each file on the map exists."""
    text = section("The code").partition("`make lint`")[0]
    named = set(re.findall(r"[\w*]+\.py\b", text))
    modules = [path for path in (ROOT / "handler").rglob("*.py") if path.name != "__init__.py"]
    cli = set(re.findall(r"\w+", re.findall(r"^ +cli/ (.*?)^    \S", text, re.M | re.S)[0]))
    missing = [path for path in modules if not any(path.match(name) for name in named)]
    assert [path.name for path in missing if path.parent.name != "cli" or path.stem not in cli] == []
    assert [name for name in named if not list((ROOT / "handler").rglob(name))] == []


def test_layers_are_those_that_are_enforced() -> None:
    """CONTRIBUTING.md shows the layers of pyproject.toml."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    shown = re.findall(r"^    (.+)$", section("The code").partition("layers below it:")[2], re.M)
    assert [line.replace(",", " :") for line in shown] == contracts[0]["layers"]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("book.py", "import handler.sinks"),
        ("stores/table.py", "import handler.exchanges.http"),
        ("exchanges/client.py", "import handler.stores.table"),
        ("invocation.py", "import handler.bootstrap"),
        ("cli/main.py", "import handler.app"),
        ("sinks.py", "import boto3"),
        ("cli/sample.py", "import urllib3.util"),
        ("runner.py", "import aws_lambda_powertools"),
        ("settings.py", "import handler.exchanges.http"),
        ("clock.py", "import infra.cost"),
        ("unplaced.py", "import time"),
    ],
)
def test_violation_of_import_rules_fails(copy: Path, module: str, line: str) -> None:
    """One import that the rules forbid, or a module without a layer, and lint-imports fails because of it."""
    with (copy / "handler" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    command = [str(LINT_IMPORTS), "--no-cache"]
    done = subprocess.run(
        command,
        cwd=copy,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert f"handler.{module.removesuffix('.py').replace('/', '.')}" in done.stdout


def test_recipe_for_a_detail_key(copy: Path) -> None:
    """A new key, added in the files that the recipe names and in no other, is printed, stored and read back."""
    edits = {
        "handler/record.py": [(r"    latency_ms: .*", "    order_count: int | None = None")],
        "handler/book.py": [
            (r"    last_update_id: .*", "    order_count: int | None = None"),
            (r"            last_update_id=.*", "            order_count=levels_bid + levels_ask,"),
        ],
    }
    required = section("a detail key").partition("To give it a column")[0]
    assert set(re.findall(r"^\d\. `(handler/[^`]+)`", required, re.M)) == set(edits)
    for path, lines in edits.items():
        for pattern, line in lines:
            insert_after(copy / path, pattern, line)
    with FakeExchange(symbols=(), books={"BTCUSDT": BOOK}) as exchange:
        flags = ("--symbol", "BTC", "--count", "1", "--detail", "--base-url", exchange.url)
        line = python(copy, "-m", "handler", *flags).rstrip("\n")
    assert json.loads(line)["order_count"] > 0
    (copy / "record.jsonl").write_text(f"{line}\n", encoding="utf-8")
    script = (
        "from handler.record import Record; from handler.cli.formats import FORMATS, Columns\n"
        "from handler.stores.items import item_from_record, record_from_item\n"
        "record = Record.from_line(open('record.jsonl').read())\n"
        "assert record_from_item(item_from_record(record, 60)) == record\n"
        "print(record.to_line(detail=True))\n"
        "columns = Columns.of_records(distances=False, other_markets=False, detail=True)\n"
        "FORMATS['csv']([record], print, columns)"
    )
    again, heading, _ = python(copy, "-c", script).splitlines()
    assert again == line
    assert heading.endswith("latency_ms,order_count")
