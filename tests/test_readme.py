"""The README does not lie: its commands run, its flags exist, its tables are the programs' own."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import PATIENCE_SECONDS, ROOT, run
from test_local import in_another_terminal, local

from handler.asked import DEFAULTS, ENVIRONMENT
from handler.flags import HELP
from handler.record import Record
from infra import cost

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = [
    line for block in re.findall(r"```bash\n(.*?)```", README, re.S) for line in block.replace("\\\n", "").splitlines()
]
RUNNER = [line for line in SHELL if line.startswith("python -m handler --symbol")]
ASKING = [line for line in SHELL if line.startswith(("python -m handler history", "python -m handler load"))]
AWS = [line for line in SHELL if line.startswith("aws dynamodb")]
ELSEWHERE = ("make ", "sam ", "aws logs", "eval ")
"""Beginnings of commands that other tests run: test_local.py, test_load.py, tests/deploy."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the local system runs, with a log as CloudWatch gives it."""
    folder = tmp_path_factory.mktemp("readme")
    process = local(folder, "--symbol", "BTC", "ETH", "--levels", "5", "20", "--interval_seconds", "1")
    assert process.stdout
    printed = [process.stdout.readline() for _ in range(8)]
    (folder / "log.json").write_text(json.dumps({"events": [{"message": line} for line in printed]}, indent=4))
    yield folder
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)


def test_every_command_is_run_by_a_test() -> None:
    rest = [line for line in SHELL if line not in RUNNER + ASKING + AWS and not line.startswith(ELSEWHERE)]
    assert rest == []
    assert min(len(RUNNER), len(ASKING), len(AWS)) > 0


@pytest.mark.parametrize("command", RUNNER)
def test_the_runners_commands_measure(folder: Path, command: str) -> None:
    once = re.sub(r" --count \d+", "", command).replace("--symbol", "--count 1 --symbol")
    if "jq" in once and not shutil.which("jq"):
        once = once.partition("|")[0]
    assert in_another_terminal(folder, once) != ""


@pytest.mark.parametrize("command", ASKING)
def test_the_tables_commands_answer(folder: Path, command: str) -> None:
    quiet = command.replace("NAME", "$OBI_TABLE").replace("load log.json", "load log.json 2>said")
    answer = in_another_terminal(folder, f"{quiet} || test $? = 3")
    for made in ("btc.png", "btc.csv", "said"):
        if made in quiet:
            answer += f"{(folder / made).stat().st_size} bytes"
    assert answer != "" or "--until 2026-11-02" in command


@pytest.mark.parametrize("command", AWS)
def test_the_recipe_for_the_aws_command_line_gives_the_last_hour(folder: Path, command: str) -> None:
    found = json.loads(in_another_terminal(folder, command))["Items"]
    assert found
    assert set(found[0]) == {"timestamp", "obi", "mid"}


def test_the_recipe_for_pandas_runs(folder: Path) -> None:
    [recipe] = re.findall(r"```python\n(.*?)```", README, re.S)
    (folder / "recipe.py").write_text(recipe.replace('"NAME"', '"order-book-imbalance"'))
    assert "obi" in in_another_terminal(folder, "python recipe.py")


def test_the_logs_insights_recipe_names_keys_of_a_record() -> None:
    [query] = re.findall(r"```\n(filter ispresent.*?)```", README, re.S)
    words = set(re.findall(r"[a-z_]+", re.sub(r'"[^"]*"', "", query)))
    assert words - {"filter", "ispresent", "and", "stats", "by", "avg", "min", "max", "bin", "h"} <= set(Record._fields)


def test_the_records_shown_are_records() -> None:
    [line] = re.findall(r'^(\{"timestamp".*\})$', README, re.M)
    assert Record.from_line(line).to_line(detail=False) == line


def test_the_table_of_flags_is_the_help_of_the_command() -> None:
    cells = [[cell.strip("` ") for cell in row.split("|")[1:4]] for row in re.findall(r"^\| `--.*", README, re.M)]
    rows = {flag.split()[0]: (variable, default) for flag, variable, default in cells}
    assert set(rows) == set(re.findall(r"^  (--[a-z_-]+)", run("--help").stdout, re.M)) - {"--version"}
    assert {flag: variable for flag, (variable, _) in rows.items() if variable} == ENVIRONMENT
    assert {flag: default for flag, (_, default) in rows.items() if default} == {
        flag: " ".join(default) for flag, default in DEFAULTS.items() if flag in rows
    }


@pytest.mark.parametrize("command", ["", "history", "load"])
def test_every_flag_is_explained_in_help(command: str) -> None:
    helped = run(*command.split(), "--help").stdout
    for flag in re.findall(r"^  (--[a-z_-]+)", helped, re.M):
        assert flag == "--version" or flag in HELP


def test_the_cost_table_is_the_one_that_is_computed() -> None:
    [shown] = re.findall(r"<!-- cost[^\n]*-->\n(.*?)\n<!-- end", README, re.S)
    assert shown.splitlines() == list(cost.table())


def test_the_speed_table_is_the_one_that_was_measured() -> None:
    [shown] = re.findall(r"<!-- targets[^\n]*-->\n(.*?)\n<!-- end", README, re.S)
    assert f"\n\n{shown}\n\n" in (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")


def test_files_that_are_pointed_to_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_make_lists_every_target_that_the_readme_names() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    for target in set(re.findall(r"\bmake ([a-z-]+)", README)):
        assert f"  {target} " in listed, target
