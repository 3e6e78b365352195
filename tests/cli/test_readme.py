"""README.md and docs/: every command runs, every flag exists, every table is the one that the program computes."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archive import record
from support.local_system import in_another_terminal, local
from support.program import PATIENCE_SECONDS, ROOT, run
from support.servers import aws_client, moto

from handler import __version__
from handler.cli.main import COMMANDS
from handler.options import OPTIONS
from handler.record import Depth, Record, no_data
from handler.stores.parquet import write_records
from infra import cost

PAGES = {
    path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
README = PAGES[ROOT / "README.md"]
BENCHMARKS, COST, DEPLOY, RECIPES, RELIABILITY = (
    PAGES[ROOT / f"docs/{name}.md"] for name in ("benchmarks", "cost", "deploy", "recipes", "reliability")
)
TEXT = "\n".join(PAGES.values())
SHELL = list(
    dict.fromkeys(
        line
        for block in re.findall(r"```bash\n(.*?)```", TEXT, re.S)
        for line in block.replace("\\\n", "").splitlines()
    )
)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.S)
*_, FROM_TABLE, FROM_LINES, _ = PYTHON  # the others: test_recipes.py
RUNNER = [line for line in SHELL if line.startswith("python -m handler --symbol")]
READING = [line for line in SHELL if line.startswith(tuple(f"python -m handler {name}" for name in COMMANDS))]
AWS = [line for line in SHELL if line.startswith("aws dynamodb")]
LOGS = [line for line in SHELL if line.startswith("aws logs")]
ELSEWHERE = ("make ", "sam ", "eval ", "pip install ", "obi ")
"""Beginnings of commands that other tests run: test_local.py, tests/deploy."""
ARCHIVE = ("aws s3 sync ", "for day in ", "  aws lambda invoke ", "done")
"""Those of docs/archive.md that need a bucket; what they do, tests/deploy/test_archive.py tries."""


def unwrapped(text: str) -> str:
    """Text with each paragraph on one line."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the local system runs, with a log as CloudWatch gives it."""
    folder = tmp_path_factory.mktemp("readme")
    process = local(folder, "--symbol", "BTC", "ETH", "--levels", "5", "20", "--interval_seconds", "1")
    assert process.stdout
    printed = [process.stdout.readline() for _ in range(8)]
    (folder / "log.json").write_text(json.dumps({"events": [{"message": line} for line in printed]}, indent=4))
    (folder / "printed").write_text("".join(printed))
    day = folder / "archive" / "dt=2026-11-02"
    day.mkdir(parents=True)
    with (day / "records.parquet").open("wb") as file:
        write_records(file, [[("2026-11-02T10:00:00Z", record(0)._replace(timestamp="2026-11-02T10:00:07Z"))]])
    yield folder
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)


def test_every_command_is_run_by_a_test() -> None:
    known = RUNNER + READING + AWS + LOGS
    untested = [line for line in SHELL if line not in known and not line.startswith(ELSEWHERE + ARCHIVE)]
    assert untested == []
    assert min(map(len, (RUNNER, READING, AWS, LOGS))) > 0


def test_every_command_runs_on_macos_too() -> None:
    """No option that GNU tools have and those of macOS and the BSDs lack."""
    gnu = (
        r"\bdate\b.* (-d|--date)|\bsed -i |\bgrep -\w*P|\breadlink -f|\bstat -c|\bxargs -\w*[rd]\b"
        r"|(?<!-)\btimeout |\bnproc\b"
    )
    assert [line for line in SHELL if re.search(gnu, line)] == []


@pytest.mark.parametrize("command", RUNNER)
def test_sampling_commands_print_records(folder: Path, command: str) -> None:
    once = re.sub(r" --count \d+", "", command).replace("--symbol", "--count 1 --symbol")
    if "jq" in once and not shutil.which("jq"):
        once = once.partition("|")[0]
    assert in_another_terminal(folder, once) != ""


@pytest.mark.parametrize("command", READING)
def test_history_and_load_commands_succeed(folder: Path, command: str) -> None:
    named = command.replace("NAME", "$OBI_TABLE").replace("eu-west-1", "$AWS_REGION")
    output = in_another_terminal(folder, f"{{ {named}; }} 2>stderr || test $? = 3")
    logged = (folder / "stderr").read_text()
    usual = r"days changed|loaded|table .+ holds no record of|\S+: no slot of this range counts"
    assert re.findall(rf"^(?!handler: (?:{usual})).+", logged, re.M) == []
    for written in ("btc.png", "btc.csv", "btc.parquet"):
        if written in named:
            output += f"{(folder / written).stat().st_size} bytes"
    assert output or "loaded" in logged or ("--until 2026-11-02" in command and "in this range" in logged)


@pytest.mark.parametrize("command", AWS)
def test_aws_cli_recipe_prints_newest_records_first(folder: Path, command: str) -> None:
    found = json.loads(in_another_terminal(folder, command))["Items"]
    assert 0 < len(found) <= 60
    assert set(found[0]) == {"timestamp", "obi", "mid"}
    times = [item["timestamp"]["S"] for item in found]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("command", LOGS)
def test_outage_recipe_writes_a_log_that_load_reads(folder: Path, command: str) -> None:
    group = re.findall(r"--log-group-name (\S+)", command)[0]
    start = int(re.findall(r"--start-time (\d+)", command)[0])
    written = command.replace("log.json", "logged.json")
    with moto() as url, aws_client("logs", url) as logs:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        lines = (folder / "printed").read_text().splitlines()
        events = [{"timestamp": max(start, int(time.time() * 1000)), "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
        in_another_terminal(folder, f"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS={url} {written}")
    in_another_terminal(folder, 'python -m handler load logged.json --table "$OBI_TABLE" 2>stderr')
    assert f"loaded 0, already there {len(lines)}," in (folder / "stderr").read_text()


@pytest.mark.parametrize("pair", ["BTCUSDT", "NOSUCHUSDT"], ids=["records", "no records"])
def test_pandas_recipe_from_table_with_and_without_records(folder: Path, pair: str) -> None:
    recipe = FROM_TABLE.replace('"NAME"', '"order-book-imbalance"').replace("BTCUSDT", pair)
    (folder / "recipe.py").write_text(recipe)
    shown = in_another_terminal(folder, "python -W error recipe.py")
    assert "Name: obi" in shown
    assert ("00:00" in shown) == (pair == "BTCUSDT")


@pytest.mark.parametrize(
    ("imbalances", "mean"), [([0.25, None, 0.75], "0.5"), ([None], None), ([], None)], ids=["some", "no data", "none"]
)
def test_pandas_recipe_from_lines_leaves_out_no_data(
    folder: Path, imbalances: list[float | None], mean: str | None
) -> None:
    empty = no_data("2026-11-22T10:00:00Z", "BTCUSDT", Depth(5))
    records = [empty if obi is None else empty._replace(obi=obi, notional_bid=5.0) for obi in imbalances]
    (folder / "records.jsonl").write_text("".join(f"{record.to_line(detail=False)}\n" for record in records))
    (folder / "recipe.py").write_text(FROM_LINES)
    shown = in_another_terminal(folder, "python -W error recipe.py")
    assert "Name: obi" in shown
    assert re.findall(r"10:00:00\+00:00 +(\S+)", shown) == ([mean] if mean else [])


def test_every_package_that_a_recipe_imports_is_named_for_pip() -> None:
    needed = {name for recipe in PYTHON for name in re.findall(r"^import (\w+)", recipe, re.M)} - {"time", "json"}
    assert needed | {"rich", "matplotlib"} <= set(re.findall(r"pip\sinstall\s(\w+)", TEXT))


def test_logs_insights_recipe_uses_keys_of_a_record() -> None:
    [query] = re.findall(r"```\n(filter ispresent.*?)```", RECIPES, re.S)
    words = set(re.findall(r"[a-z_]+", re.sub(r'"[^"]*"', "", query)))
    assert words - {"filter", "ispresent", "and", "not", "stats", "by", "avg", "min", "max", "bin", "h"} <= set(
        Record._fields
    )


def test_record_shown_is_a_record() -> None:
    [line] = re.findall(r'^(\{"timestamp".*\})$', README, re.M)
    assert Record.from_line(line).to_line(detail=False) == line


def test_table_of_flags_matches_help() -> None:
    cells = [[cell.strip("` ") for cell in row.split("|")[1:4]] for row in re.findall(r"^\| `--.*", README, re.M)]
    rows = {flag.split()[0]: (variable, default) for flag, variable, default in cells}
    assert set(rows) == set(re.findall(r"^  (--[a-z_-]+)", run("--help").stdout, re.M)) - {"--version"}
    assert {flag: variable for flag, (variable, _) in rows.items() if variable} == {
        option.flag: option.variable for option in OPTIONS.values() if option.variable
    }
    assert {flag: default for flag, (_, default) in rows.items() if default} == {
        flag: " ".join(option.default) for flag, option in OPTIONS.items() if option.default and flag in rows
    }


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_flag_of_help_is_an_option(command: str) -> None:
    helped = run(*command.split(), "--help").stdout
    for flag in re.findall(r"^  (--[a-z_-]+)", helped, re.M):
        assert flag == "--version" or flag in OPTIONS


def test_cost_table_is_computed() -> None:
    [shown] = re.findall(r"<!-- cost[^\n]*-->\n(.*?)\n<!-- end", COST, re.S)
    assert shown.splitlines() == list(cost.table())


def test_first_month_table_is_computed() -> None:
    [shown] = re.findall(r"<!-- first month[^\n]*-->\n(.*?)\n<!-- end", COST, re.S)
    assert shown.splitlines() == list(cost.first_month())


def test_archive_table_is_computed() -> None:
    [shown] = re.findall(r"<!-- archive[^\n]*-->\n(.*?)\n<!-- end", COST, re.S)
    assert shown.splitlines() == list(cost.archive_table())


def test_costs_in_sentences_are_computed() -> None:
    without, with_it = (sum(line.dollars for line in cost.bill(1, 60, dashboard=choice)) for choice in (False, True))
    assert f"`Dashboard=false` leaves both out, which saves ${with_it - without:.2f} a month" in unwrapped(COST)
    many = sum(line.dollars for line in cost.bill(400, 60))
    sentence = (
        f"without any, ${with_it:.2f} after a year, of which `Dashboard=false` saves ${with_it - without:.2f}."
        f" 400 pairs: ${many:.2f}."
    )
    assert sentence in unwrapped(README)


def test_speed_table_is_an_excerpt_of_the_benchmark() -> None:
    """No row is changed, and every target that was missed is shown."""
    [shown] = re.findall(r"<!-- targets[^\n]*-->\n(.*?)\n<!-- end", README, re.S)
    [measured] = re.findall(r"\n## Targets\n\n(.*?)\n\n", BENCHMARKS, re.S)
    rows = measured.splitlines()
    assert [row for row in shown.splitlines() if row not in rows] == []
    assert [row for row in rows if "**no**" in row and row not in shown] == []


def test_memory_table_is_an_excerpt_of_the_benchmark() -> None:
    """Skew and dollars of so many pairs with so much memory are those that were measured."""
    [shown] = re.findall(r"<!-- skew[^\n]*-->\n(.*?)\n<!-- end", DEPLOY, re.S)
    measured = dict(re.findall(r"^\| (\d+, \d+ MB) \| (.*) \|$", BENCHMARKS, re.M))
    _, _, *rows = shown.splitlines()
    assert len(rows) == 8
    for row in rows:
        pairs, memory, skew_seconds, dollars = row.strip("| ").split(" | ")
        _, stored_too_ms, *_, measured_dollars = measured[f"{pairs}, {memory}"].split(" | ")
        assert float(skew_seconds) == float(f"{float(stored_too_ms.split()[0]) / 1000:.2g}")
        assert dollars == measured_dollars


def test_summary_of_load_is_the_one_that_it_prints(folder: Path) -> None:
    in_another_terminal(folder, 'python -m handler load log.json --table "$OBI_TABLE" 2>stderr')
    [printed] = re.findall(r"loaded .*", (folder / "stderr").read_text())
    [shown] = re.findall(r"`(loaded .*?)`", unwrapped(RECIPES))
    assert re.sub(r"\d+", "N", shown) == re.sub(r"\d+", "N", printed)


def test_reliability_table_adds_up() -> None:
    rows = re.findall(r"^\| \**(.*?)\** \| \**([\d,]+)\** \|$", RELIABILITY, re.M)
    counts = {name: int(count.replace(",", "")) for name, count in rows}
    due = counts.pop("slots expected, of all series")
    outcomes = ("stored once", "printed or logged as not stored", "no record", "lost without a recorded reason")
    assert sum(count for name, count in counts.items() if name.startswith(outcomes)) == due
    assert counts["lost without a recorded reason"] == 0


def test_changelog_dates_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)} - 20\d\d-\d\d-\d\d$", changelog, re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_linked_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGES[page]):
        assert (page.parent / target).exists(), target


def test_make_lists_every_target_that_is_named() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|^ *)make ([a-z-]+)", TEXT + contributing, re.M)):
        assert f"  {target} " in listed, target
