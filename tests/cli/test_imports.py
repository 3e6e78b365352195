"""A command loads only the libraries that it uses, because each costs start-up time and memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.archive import lines, record
from support.program import PATIENCE_SECONDS, ROOT, environment

from infra.fake_exchange import FakeExchange

LIBRARIES = {"aws_lambda_powertools", "boto3", "matplotlib", "numpy", "pyarrow", "requests", "rich"}


def libraries_after(code: str, *arguments: str, watched: set[str] = LIBRARIES) -> set[str]:
    """Run code in a Python of its own; the watched libraries that it has imported at the end."""
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, env=environment(), capture_output=True,
        encoding="utf-8", timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip
    return watched & set(done.stdout.splitlines())


@pytest.mark.parametrize("command", ["history", "load", "sample", "series"])
def test_import_of_a_command(command: str) -> None:
    """It loads no library at all, so that --help and mistakes need none."""
    assert libraries_after(f"import handler.cli.{command}") == set()


@pytest.mark.parametrize(
    "function",
    ["open_tables(['obi', 'obi@eu-west-1'])", "open_bulk_loader('obi', interval_seconds=60, retention_days=0)"],
)
def test_open_table(function: str) -> None:
    """To read or load, boto3 is enough."""
    code = f"import os; os.environ['AWS_REGION'] = 'us-east-1'\nfrom handler import bootstrap; bootstrap.{function}"
    assert libraries_after(code) == {"boto3"}


def test_files_of_lines(tmp_path: Path) -> None:
    """They take no library at all."""
    (tmp_path / "records").write_text(lines([record()]))
    code = "from handler.cli.main import main; assert main(sys.argv[1:]) == 0"
    assert libraries_after(code, "series", "--from", str(tmp_path / "records")) == set()


def test_sampling_without_a_table(exchange: FakeExchange) -> None:
    """Without --table boto3, which more than doubles the start-up time, is not imported; nor dataclasses, for 5 %."""
    code = "from handler.cli.main import main; assert main(sys.argv[1:]) == 0"
    sample = ("--symbol", "BTC", "--count", "1", "--interval_seconds", "1", "--base-url", exchange.url)
    assert libraries_after(code, *sample, watched=LIBRARIES | {"dataclasses"}) == {"requests"}
