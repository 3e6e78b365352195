"""What hosts, tables and files say is printed and logged in one line, escaped, by the program and by the function."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.container import Container, FunctionError
from support.fakes import StartExchange, StartRaw, http
from support.program import PATIENCE_SECONDS, ROOT, environment, run
from support.servers import AWS

TOKEN = "Can4ryOne//Can4ryTwo=="
FORGED = b'{"code":-1121,"msg":"x\\u001b[2J\\n2026-11-22T10:00:00Z ERROR forged\\u202e\\u009b\\ud800"}'
PRINTED = r"x\x1b[2J\n2026-11-22T10:00:00Z ERROR forged\u202e\x9b\ud800"


def test_what_the_exchange_says_is_one_escaped_line(start_raw: StartRaw) -> None:
    done = run("--symbol", "BTC", "--base-url", start_raw(http("400 Bad Request", FORGED)).url)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert PRINTED in done.stderr


def test_what_the_exchange_says_later_is_one_escaped_line_of_the_log(start_raw: StartRaw) -> None:
    book = http("200 OK", b'{"lastUpdateId":1,"bids":[["1","1"]],"asks":[["2","1"]]}')
    server = start_raw(book, http("400 Bad Request", FORGED))
    done = run("--symbol", "BTC", "--count", "2", "--interval_seconds", "1", "--base-url", server.url)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr.count("\n")) == (0, 2, 1)
    assert PRINTED in done.stderr


@pytest.fixture
def start_container(tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """Start a container of the function with a canary as its session token."""
    with ExitStack() as running:

        def start(**environment: str) -> Container:
            token = {"OBI_SYMBOLS": "BTC", "OBI_TABLE": "obi", "AWS_SESSION_TOKEN": TOKEN}
            container = Container(tmp_path / "log", **token | environment)
            running.callback(container.close)
            return container

        yield start


def test_the_functions_log_and_error_hold_no_key_and_the_record_that_is_not_stored_can_be_loaded(
    start_container: Callable[..., Container], start_exchange: StartExchange, start_raw: StartRaw
) -> None:
    answer = json.dumps({"__type": "x#ValidationException", "message": f"signed\n by {TOKEN!r}"}).encode()
    table = start_raw(http("400 Bad Request", answer)).url
    container = start_container(OBI_BASE_URL=start_exchange().url, AWS_ENDPOINT_URL_DYNAMODB=table)
    with pytest.raises(FunctionError) as error:
        container.invoke({})
    assert r"signed\n by '<AWS_SESSION_TOKEN>'" in str(error.value)
    assert TOKEN not in json.dumps(container.lines)
    [message] = [line["message"] for line in container.lines if line.get("level") == "ERROR"]
    assert r"signed\n by '<AWS_SESSION_TOKEN>'" in message
    [printed] = container.record_lines
    assert message.endswith(f": {printed}")


def test_what_the_exchange_says_is_escaped_by_the_function_too(
    start_container: Callable[..., Container], start_raw: StartRaw
) -> None:
    container = start_container(OBI_BASE_URL=start_raw(http("400 Bad Request", FORGED)).url)
    container.invoke({})
    assert PRINTED in "".join(line["message"] for line in container.lines if "message" in line)


def test_an_error_that_the_function_did_not_foresee_is_logged_without_a_key() -> None:
    script = "import os, handler.app\ntoken = os.environ['AWS_SESSION_TOKEN']\nraise ValueError(f'{token}\\x9b')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment(AWS_SESSION_TOKEN=TOKEN), capture_output=True,
        text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert TOKEN not in done.stdout + done.stderr
    [line] = done.stdout.splitlines()
    assert json.loads(line)["exception"].splitlines()[-1] == r"ValueError: <AWS_SESSION_TOKEN>\x9b"


def test_what_a_table_says_is_one_escaped_line(start_raw: StartRaw) -> None:
    answer = b'{"__type":"x#ValidationException","message":"x\\u001b[2J\\n2026 ERROR forged"}'
    url = start_raw(http("400 Bad Request", answer)).url
    text = run("history", "--symbol", "BTC", "--table", "obi", **AWS, AWS_ENDPOINT_URL_DYNAMODB=url).stderr
    assert (text.count("\n"), r"x\x1b[2J\n2026 ERROR forged" in text) == (1, True)


def test_the_name_of_a_file_is_escaped(tmp_path: Path) -> None:
    text = run("load", str(tmp_path / "a\x1b[2J\nb"), "--table", "obi", **AWS).stderr
    assert (text.count("\n"), r"a\x1b[2J\nb" in text) == (1, True)
