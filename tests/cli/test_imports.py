"""A command loads only the libraries that it uses, because each costs start-up time and memory."""

from pathlib import Path

import pytest
from support.program import run
from support.records import full

import handler
from infra.fake_exchange import FakeExchange

LIBRARIES = {"aws_lambda_powertools", "boto3", "duckdb", "matplotlib", "numpy", "requests", "dataclasses"}
MAIN = "from handler.cli.main import main; assert main(sys.argv[1:]) == 0"


def libraries_after(code: str, *arguments: str) -> set[str]:
    """The libraries that a Python of its own has imported after this code."""
    done = run(*arguments, code=f"import sys\n{code}\nprint(*sys.modules, sep='\\n')")
    assert done.returncode == 0
    return LIBRARIES & set(done.stdout.splitlines())


def test_import() -> None:
    """Importing the package and `load` loads no library."""
    assert libraries_after("import handler.cli.load") == set()


@pytest.mark.parametrize("command", ["history", "series", "report"])
def test_help(command: str) -> None:
    """--help needs no library at all."""
    assert libraries_after(MAIN, command, "--help") == set()


def test_sample(exchange: FakeExchange, tmp_path: Path) -> None:
    """Sampling into a folder needs neither boto3 nor duckdb."""
    flags = ("--symbol", "BTC", "--count", "1", "--base-url", exchange.url, "--to", str(tmp_path))
    assert libraries_after(MAIN, *flags) == {"requests"}


def test_history(tmp_path: Path) -> None:
    """Reading files needs neither requests nor boto3."""
    (tmp_path / "records.jsonl").write_text(full().to_line() + "\n")
    loaded = libraries_after(MAIN, "history", "--from", str(tmp_path))
    assert not loaded & {"requests", "boto3", "aws_lambda_powertools", "matplotlib"}


def test_public_api() -> None:
    """Every public name is there, and no other."""
    assert {name for name in handler.__all__ if hasattr(handler, name)} == set(handler.__all__)
    book = handler.parse_depth(b'{"bids":[["99","3"]],"asks":[["101","1"]]}')
    assert handler.measure(book, levels=5).notional_bid == 297.0
    with pytest.raises(AttributeError, match="'handler' has no attribute 'Tables'"):
        _ = handler.Tables
