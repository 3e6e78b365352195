"""A canary in the place of every credential, through every command: it is on no stream, whatever fails."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.archive import lines, record
from support.fakes import StartExchange, StartRaw, http
from support.program import PATIENCE_SECONDS, ROOT, run, start

from handler.errors import TableError
from handler.secret_values import check_environment

USER, FIRST, SECOND = "Can4ryUser", "Can4ryOne", "Can4ryTwo"
CANARIES = [USER, FIRST, SECOND, "Q2FuNHJ5"]
"""What no stream may hold, in any case; the last is how each begins in base64."""
PASSWORDS = [FIRST + cut + SECOND for cut in ("/", "#", "?", "@", "%2F")]
KEYS = {
    "AWS_ACCESS_KEY_ID": f"AKIA{FIRST}",
    "AWS_SECRET_ACCESS_KEY": f"{FIRST}/{SECOND}+",
    "AWS_SESSION_TOKEN": f"{SECOND}//{FIRST}==",
}
REGION = {"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
BREAKS = ["\n", "\r\n", "\x01", "\x1b[2J", "\x7f", "\xa0", "é", " ", "\u202e", "\udcff"]
HISTORY, TABLE = ("history", "--symbol", "BTC", "--table", "obi"), ("--table", "obi")


class EchoHandler(BaseHTTPRequestHandler):
    """Refuses every request and repeats what it was sent, as some proxies do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.do_POST()

    def do_CONNECT(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = f"{self.requestline}\n{self.headers}"
        answer = {"code": -1121, "msg": words, "__type": "x#ValidationException", "message": words}
        body = json.dumps(answer).encode()
        self.wfile.write(http("400 Bad Request", body, Content_Type="application/x-amz-json-1.0"))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), EchoHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "records.jsonl"
    path.write_text(lines([record()]))
    return str(path)


def failure(*flags: str, **variables: str) -> str:
    """What the program, which fails, says about it: without a canary."""
    done = run(*flags, **variables)
    assert done.returncode in (1, 2)
    assert done.stderr
    assert_no_canary(done)
    return done.stderr


def assert_no_canary(done: subprocess.CompletedProcess[str]) -> None:
    printed = (done.stdout + done.stderr).lower()
    assert [canary for canary in CANARIES if canary.lower() in printed] == []
    assert all(line.isprintable() for line in printed.split("\n"))


def sampling(url: str, *flags: str) -> tuple[str, ...]:
    return ("--symbol", "BTC", "--count", "1", "--interval_seconds", "1", "--base-url", url, *flags)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("cut", BREAKS)
def test_a_key_with_a_character_that_no_key_has_is_refused_by_its_name(name: str, cut: str) -> None:
    for value in (f"{FIRST}{cut}", f"{FIRST}{cut}{SECOND}", f"{cut}{FIRST}"):
        with pytest.raises(TableError, match=f"^{name} is malformed") as error:
            check_environment(KEYS | {name: value})
        assert FIRST not in str(error.value)


def test_keys_that_boto3_does_not_use_are_not_refused() -> None:
    check_environment({"AWS_SESSION_TOKEN": "\n", "AWS_SECRET_ACCESS_KEY": "\n"})
    check_environment(KEYS)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("cut", ["\n", "\x1b[2J"])
def test_a_malformed_key_is_named_and_its_value_is_not_shown(echo: str, name: str, cut: str) -> None:
    environment = KEYS | REGION | {name: f"{FIRST}{cut}{SECOND}{cut}"}
    text = failure(*HISTORY, AWS_ENDPOINT_URL_DYNAMODB=f"http://{echo}", **environment)
    assert (text.count("\n"), text.count(name)) == (1, 1)


@pytest.mark.parametrize("command", ["sample", "history", "load"])
def test_a_malformed_key_is_said_once_by_every_command(
    start_exchange: StartExchange, echo: str, file: str, command: str
) -> None:
    flags = {"sample": sampling(start_exchange().url, *TABLE), "history": HISTORY, "load": ("load", file, *TABLE)}
    environment = KEYS | REGION | {"AWS_SESSION_TOKEN": "", "AWS_SECURITY_TOKEN": f"{FIRST}\n"}
    text = failure(*flags[command], AWS_ENDPOINT_URL_DYNAMODB=f"http://{echo}", **environment)
    assert text.count("AWS_SECURITY_TOKEN") == 1


def written(folder: Path, **values: str) -> dict[str, str]:
    """The environment that points to a credentials file with these values."""
    path = folder / "credentials"
    path.write_text("[canary]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in (KEYS | values).items()))
    return REGION | {"AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_PROFILE": "canary"}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("cut", ["\n  ", "\x1b[2J"])
def test_a_malformed_entry_of_the_credentials_file_is_named(tmp_path: Path, echo: str, name: str, cut: str) -> None:
    environment = written(tmp_path, **{name: f"{FIRST}{cut}{SECOND}"})
    text = failure(*HISTORY, AWS_ENDPOINT_URL_DYNAMODB=f"http://{echo}", **environment)
    assert f"{name.lower()} of profile canary in the credentials file" in text
    assert text.count("\n") == 1


def test_a_credentials_file_that_cannot_be_read_is_told_without_its_text(tmp_path: Path) -> None:
    environment = written(tmp_path)
    (tmp_path / "credentials").write_bytes(f"[canary]\naws_access_key_id {FIRST}\n=\xff{SECOND}\n".encode("latin-1"))
    failure(*HISTORY, **environment)


@pytest.mark.parametrize("where", ["environment", "file", "container"])
@pytest.mark.parametrize("command", ["sample", "history", "load"])
def test_what_a_table_repeats_of_a_request_holds_no_key(
    start_exchange: StartExchange, start_raw: StartRaw, tmp_path: Path, echo: str, file: str, where: str, command: str
) -> None:
    flags = {"sample": sampling(start_exchange().url, *TABLE), "history": HISTORY, "load": ("load", file, *TABLE)}
    fetched = {
        "AccessKeyId": KEYS["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": KEYS["AWS_SECRET_ACCESS_KEY"],
        "Token": KEYS["AWS_SESSION_TOKEN"],
        "Expiration": "2100-01-01T00:00:00Z",
    }
    environment = {
        "environment": KEYS | REGION,
        "file": written(tmp_path),
        "container": REGION
        | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": start_raw(http("200 OK", json.dumps(fetched).encode())).url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": f"{FIRST}{SECOND}",
        },
    }
    text = failure(*flags[command], AWS_ENDPOINT_URL_DYNAMODB=f"http://{echo}", **environment[where])
    assert "Credential=<" in text


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    ("name", "before", "url"),
    [
        ("HTTP_PROXY", "http://", "http://exchange.invalid"),
        ("https_proxy", "http://", "https://exchange.invalid"),
        ("http_proxy", "", "http://exchange.invalid"),
        ("ALL_PROXY", "socks5://", "http://exchange.invalid"),
    ],
)
def test_no_part_of_a_proxys_user_is_shown(echo: str, password: str, name: str, before: str, url: str) -> None:
    failure(*sampling(url), **{name: f"{before}{USER}:{password}@{echo}"})


@pytest.mark.parametrize(
    ("command", "password"),
    [*(("history", one) for one in PASSWORDS), ("load", PASSWORDS[0]), ("sample", PASSWORDS[-1])],
)
def test_no_part_of_the_user_of_a_proxy_before_the_table_is_shown(
    start_exchange: StartExchange, echo: str, file: str, password: str, command: str
) -> None:
    flags = {"sample": sampling(start_exchange().url, *TABLE), "history": HISTORY, "load": ("load", file, *TABLE)}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), f"http://{USER}:{password}@{echo}")
    url = {"AWS_ENDPOINT_URL_DYNAMODB": "http://table.invalid", "NO_PROXY": "127.0.0.1"}
    failure(*flags[command], **KEYS, **REGION, **proxies, **url)


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_part_of_a_base_urls_user_is_shown(echo: str, password: str) -> None:
    failure(*sampling(f"http://{USER}:{password}@{echo}"))


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_part_of_the_user_in_the_variable_of_a_base_url_is_shown(dead_url: str, password: str) -> None:
    failure("--symbol", "BTC", "--count", "1", "--interval_seconds", "1",
            OBI_BASE_URL=dead_url.replace("//", f"//{USER}:{password}@"))  # fmt: skip


@pytest.mark.parametrize("flags", [["--proxy", "x"], ["--symbol", "BTC", "--levels"], ["history", "--since"]])
def test_a_url_that_was_put_in_the_wrong_place_is_shown_without_its_user(flags: list[str]) -> None:
    failure(*flags, f"http://{USER}:{FIRST}/{SECOND}@host")


def test_an_error_that_nobody_foresaw_shows_no_credential_either(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import handler.cli.parser as flags\n"
        f"def fail(*_): raise RuntimeError('{USER}:{FIRST}\\x1b[2J')\n"
        "flags.Parser.read = fail\n"
    )
    proxy = f"http://{USER}:{FIRST}@proxy"
    with start("--symbol", "BTC", HTTP_PROXY=proxy, PYTHONPATH=f"{tmp_path}:{ROOT}") as process:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, stdout) == (1, "")
    assert stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert stderr.splitlines()[-1] == r"RuntimeError: <HTTP_PROXY>\x1b[2J"
