"""A canary in the place of every credential: it is on no stream, whatever fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes import http
from support.program import run
from support.records import full

from infra.fake_exchange import FakeExchange
from infra.testkit.server import Answer, Connection, HttpServer, Request

USER, FIRST, SECOND = "Can4ryUser", "Can4ryOne", "Can4ryTwo"
CANARIES = ["can4ry", "q2fuNHj5".lower()]  # the second is how each begins in base64
PASSWORDS = [FIRST + cut + SECOND for cut in ("@", "%2F")]
KEYS = {
    "AWS_ACCESS_KEY_ID": f"AKIA{FIRST}",
    "AWS_SECRET_ACCESS_KEY": f"{FIRST}/{SECOND}+",
    "AWS_SESSION_TOKEN": f"{SECOND}//{FIRST}==",
}
REGION = {"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
SAMPLE = ("--symbol", "BTC", "--count", "1", "--interval_seconds", "1")


class Echo(HttpServer):
    """Refuses every request and repeats what it was sent, as some proxies do."""

    def respond(self, connection: Connection, request: Request) -> Answer:
        answer = {"code": -1121, "msg": request.head, "__type": "x#ValidationException", "message": request.head}
        return Answer(http("400 Bad Request", json.dumps(answer).encode()), b"")


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with Echo() as server:
        yield f"127.0.0.1:{server.port}"


def failure(*flags: str, **variables: str) -> str:
    """What the program, which fails, says about it: printable lines without a canary."""
    done = run(*flags, **variables)
    assert done.returncode in (1, 2)
    printed = (done.stdout + done.stderr).lower()
    assert [canary for canary in CANARIES if canary in printed] == []
    assert all(line.isprintable() for line in printed.split("\n"))
    return done.stderr


@pytest.mark.parametrize("password", [*PASSWORDS, f"{FIRST}/{SECOND}"])
def test_base_url(password: str, dead_url: str) -> None:
    """User and password of a base URL."""
    assert failure(*SAMPLE, "--base-url", dead_url.replace("//", f"//{USER}:{password}@"))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("password", PASSWORDS)
def test_proxy(echo: str, password: str, scheme: str) -> None:
    """User and password of a proxy that repeats them, or is down; test_client has those whose URL is invalid."""
    for host in (echo, "127.0.0.1:9"):
        proxy = {f"{scheme.upper()}_PROXY": f"http://{USER}:{password}@{host}"}
        assert failure(*SAMPLE, "--base-url", f"{scheme}://exchange.invalid", **proxy)


@pytest.mark.parametrize(
    ("where", "command"), [("environment", "sample"), ("environment", "load"), ("file", "history")]
)
def test_table(exchange: FakeExchange, tmp_path: Path, echo: str, where: str, command: str) -> None:
    """The keys of AWS, where something repeats a signed request in its error."""
    lines = tmp_path / "records.jsonl"
    lines.write_text(full().to_line() + "\n")
    flags = {
        "sample": (*SAMPLE, "--base-url", exchange.url, "--table", "obi"),
        "history": ("history", "--symbol", "BTC", "--table", "obi"),
        "load": ("load", str(lines), "--table", "obi"),
    }[command]
    variables = KEYS
    if where == "file":
        path = tmp_path / "credentials"
        path.write_text("[canary]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in KEYS.items()))
        variables = {"AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_PROFILE": "canary"}
    assert failure(*flags, AWS_ENDPOINT_URL_DYNAMODB=f"http://{echo}", **REGION, **variables)


FUNCTION = """
import handler.app, logging, os
from handler.errors import HandlerError
from infra.testkit.lambda_container import LambdaContext
error = OSError(f"http://{os.environ['USER']}:{os.environ['PASSWORD']}@host\\x1b {os.environ['AWS_SECRET_ACCESS_KEY']}")
try:
    raise error
except OSError:
    logging.getLogger("handler").exception("%s", error)
def fail():
    raise HandlerError(str(error))
handler.app.function = fail
try:
    handler.app.lambda_handler({}, LambdaContext(0.0))
except HandlerError as raised:
    print(raised)
raise error
"""


def test_function() -> None:
    """What the function logs and raises, also of an error that nobody foresaw."""
    done = run(code=FUNCTION, USER=USER, PASSWORD=FIRST, **REGION, **KEYS)
    assert (done.returncode, done.stdout.count("http://host"), done.stderr) == (1, 5, "")
    assert [canary for canary in CANARIES if canary in done.stdout.lower()] == []
    assert all(line.isprintable() for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", KEYS)
def test_malformed_key(name: str) -> None:
    """A key that was pasted with a line end is named, and its value is not shown."""
    variables = REGION | KEYS | {name: f"{FIRST}\n\x1b[2J{SECOND}"}
    text = failure("history", "--symbol", "BTC", "--table", "obi", **variables)
    assert (text.count("\n"), text.count(name)) == (1, 1)
