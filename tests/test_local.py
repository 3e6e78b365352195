"""`make local` as a newcomer has it: records at once, a table to ask from another terminal, nothing lost on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from program import PATIENCE_SECONDS, ROOT

from handler.record import no_data
from infra.template import function_environment, read_template, table_definition


def local(folder: Path, *flags: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local", *flags],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[list[dict[str, Any]]]:
    """Run it until it has printed four records, then, after what the test does, press Ctrl-C."""
    process = local(folder, "--symbol", "BTC", "ETH", "--interval_seconds", "1", *flags)
    try:
        assert process.stdout
        yield [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0
        assert "Traceback" not in stderr
    finally:
        process.kill()


def in_another_terminal(folder: Path, command: str) -> str:
    """Run what the local system says to eval, then a command, in a shell."""
    script = f'eval "$({sys.executable} -m infra.local env)" && {command}'
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_it_prints_is_what_its_table_tells_another_terminal(tmp_path: Path) -> None:
    with running(tmp_path) as printed:
        asked = in_another_terminal(tmp_path, "python -m handler history --symbol BTC ETH --detail")
    assert [record["symbol"] for record in printed] == ["BTCUSDT", "ETHUSDT"] * 2
    assert [json.loads(line) for line in asked.splitlines()][:4] == printed


def test_records_survive_a_restart_also_those_that_were_loaded(tmp_path: Path) -> None:
    old = no_data("2026-01-01T00:00:00Z", "BTCUSDT", 5)._replace(obi=0.5, notional_bid=3.0, notional_ask=1.0)
    with running(tmp_path) as first:
        (tmp_path / "old.jsonl").write_text(old.to_line(detail=False))
        in_another_terminal(tmp_path, "python -m handler load old.jsonl 2>/dev/null")
    with running(tmp_path):
        asked = in_another_terminal(tmp_path, "python -m handler history --symbol BTC --since 2026-01-01 --detail")
    found = [json.loads(line) for line in asked.splitlines()]
    assert found[0]["obi"] == 0.5
    assert first[0] in found


def test_records_survive_a_kill(tmp_path: Path) -> None:
    process = local(tmp_path, "--interval_seconds", "1")
    assert process.stdout
    printed = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()
    with running(tmp_path):
        asked = in_another_terminal(tmp_path, "python -m handler history --symbol BTC --detail")
    assert printed in [json.loads(line) for line in asked.splitlines()]


@pytest.mark.parametrize("killed", [False, True])
def test_without_it_running_there_is_nothing_to_eval_and_a_word_why(tmp_path: Path, killed: bool) -> None:
    if killed:
        (tmp_path / ".local").mkdir()
        (tmp_path / ".local/environment").write_text("export OBI_LOCAL_PID=999999999\n")
    done = local(tmp_path, "env")
    stdout, stderr = done.communicate(timeout=PATIENCE_SECONDS)
    assert (done.returncode, stdout) == (2, "")
    assert stderr == "local: the local system does not run: start it with make local in another terminal\n"


@pytest.mark.parametrize("flags", [["--interval_seconds", "x"], ["--levels", "0"], ["--symbol", ","]])
def test_a_bad_setting_is_one_sentence(tmp_path: Path, flags: list[str]) -> None:
    process = local(tmp_path, *flags)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, stdout, stderr.count("\n")) == (2, "", 1)


def test_its_table_and_its_settings_are_the_templates() -> None:
    template = read_template()
    assert [key["AttributeName"] for key in table_definition(template)["KeySchema"]] == ["series", "slot"]
    environment = function_environment(template)
    assert environment["OBI_BASE_URL"] == "https://data-api.binance.vision"
    assert "OBI_TABLE" not in environment
