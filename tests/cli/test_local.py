"""`make local` as a newcomer has it: records at once, a table to ask from another terminal, nothing lost on the way."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.local_system import in_another_terminal, local
from support.program import PATIENCE_SECONDS, ROOT

from handler.record import Depth, Record, no_data
from infra.local import state
from infra.template import function_environment, read_template, table_definition


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[list[dict[str, Any]]]:
    """Run it until it has printed four records, then, after what the test does, press Ctrl-C."""
    process = local(folder, "--symbol", "BTC", "ETH", "--interval_seconds", "1", *flags)
    try:
        assert process.stdout
        yield [json.loads(process.stdout.readline()) for _ in range(4)]
        end(process)
    finally:
        process.kill()


def end(process: "subprocess.Popen[str]", number: int = signal.SIGINT) -> str:
    """Send a signal, by which it ends cleanly, having printed nothing but records; returns what it said on stderr."""
    process.send_signal(number)
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in stderr
    for line in stdout.splitlines():
        Record.from_line(line)
    return stderr


def kept(folder: Path) -> list[Record]:
    """The records in the file, every line of which is whole."""
    return [Record.from_line(line) for line in (folder / ".local/records.jsonl").read_text().splitlines()]


def test_what_it_prints_is_what_its_table_tells_another_terminal(tmp_path: Path) -> None:
    with running(tmp_path) as printed:
        asked = in_another_terminal(tmp_path, "python -m handler history --symbol BTC ETH --detail")
    assert [record["symbol"] for record in printed] == ["BTCUSDT", "ETHUSDT"] * 2
    assert [json.loads(line) for line in asked.splitlines()][:4] == printed


def test_records_survive_a_restart_also_those_that_were_loaded(tmp_path: Path) -> None:
    old = no_data("2026-01-01T00:00:00Z", "BTCUSDT", Depth(5))._replace(obi=0.5, notional_bid=3.0, notional_ask=1.0)
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


def test_a_run_at_another_interval_keeps_every_record_of_the_runs_before(tmp_path: Path) -> None:
    with running(tmp_path):
        pass
    before, records = (tmp_path / ".local/records.jsonl").read_bytes(), kept(tmp_path)
    process = local(tmp_path, "--interval_seconds", "60")
    assert process.stdout
    printed = Record.from_line(process.stdout.readline())
    stderr = end(process)
    assert (tmp_path / ".local/records.jsonl").read_bytes().startswith(before)
    assert kept(tmp_path) == [*records, printed]
    assert f"{len(records) + 1} records are kept" in stderr


def test_nothing_is_lost_by_runs_that_are_killed_at_any_moment(tmp_path: Path) -> None:
    printed = set()
    for _ in range(3):
        process = local(tmp_path, "--symbol", "BTC", "ETH", "--interval_seconds", "1")
        assert process.stdout
        printed |= {process.stdout.readline().rstrip() for _ in range(3)}
        process.kill()
        process.communicate()
    assert printed <= {record.to_line(detail=True) for record in kept(tmp_path)}


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with running(tmp_path):
        before = (tmp_path / ".local/records.jsonl").read_bytes()
        second = local(tmp_path)
        stdout, stderr = second.communicate(timeout=PATIENCE_SECONDS)
        assert (second.returncode, stdout) == (1, "")
        assert stderr == f"local: another make local runs in {tmp_path}: use its table, or end it first\n"
        assert in_another_terminal(tmp_path, "python -m handler history --symbol BTC") != ""
    assert (tmp_path / ".local/records.jsonl").read_bytes().startswith(before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_while_an_exchange_does_not_answer(tmp_path: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:  # the kernel accepts, but nobody answers
        proxy = f"http://127.0.0.1:{hung.getsockname()[1]}"
        process = local(tmp_path, LIVE="1", HTTPS_PROXY=proxy, https_proxy=proxy)
        hung.settimeout(PATIENCE_SECONDS)
        connection, _ = hung.accept()
        with connection:
            assert "0 records are kept in .local/records.jsonl" in end(process, number)


def test_only_records_go_to_stdout_though_the_function_prints_metrics(tmp_path: Path) -> None:
    process = local(tmp_path, "--interval_seconds", "60")
    assert process.stdout
    Record.from_line(process.stdout.readline())
    in_another_terminal(tmp_path, "python -m handler history --symbol BTC")  # by then the invocation is over
    assert "CloudWatchMetrics" not in end(process)


def test_what_the_shell_has_set_for_other_accounts_and_networks_changes_nothing(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    other = {"AWS_PROFILE": "missing", "AWS_SESSION_TOKEN": "x\n", "HTTP_PROXY": nowhere, "http_proxy": nowhere}
    process = local(tmp_path, **other, OBI_QUOTE="EUR")
    assert process.stdout
    printed = process.stdout.readline()
    assert in_another_terminal(tmp_path, "python -m handler history --symbol BTC --detail", **other) == printed
    end(process)


def test_the_shell_gets_each_value_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    value = "ETH/BTC,$HOME 'x' \"y\" `z`;\\"
    with state.locked():
        state.announce({"VALUE": value}, Path("/a folder"))
        script = in_another_terminal(tmp_path, 'printf "%s|%s" "$VALUE" "$PATH"')
    assert script.startswith(f"{value}|/a folder:")


def test_make_passes_the_pairs_on_and_its_cleaning_spares_the_records() -> None:
    def would_run(*words: str) -> str:
        command = ["make", "--dry-run", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout

    assert "-m infra.local --symbol BTC ETH --levels 20" in would_run("local", "SYMBOL=BTC ETH", "ARGS=--levels 20")
    assert ".local" not in would_run("clean")


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
    assert (environment["OBI_MARKET"], environment["OBI_LEVELS"], environment["OBI_BASE_URL"]) == ("spot", "5", "")
    assert "OBI_TABLE" not in environment
