"""The package as its users install it: what the wheel holds, and `obi` in an environment and a folder of its own."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
from support.fakes import BOOK
from support.program import ROOT
from support.servers import AWS, aws_client, clean_environment, create_table, moto

from deploy.tools import PIP_VARIABLES
from handler import __version__
from infra.fake_exchange import FakeExchange

PATIENCE_SECONDS = 180.0
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = re.findall(
    r"^([\w.-]+)(?:\[\w+\])?==(\S+)",
    "".join((ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "tests/requirements.txt")),
    re.M,
)


class Environment:
    """A virtual environment, and a folder that is not the repository's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder / "elsewhere", folder / "venv/bin"
        self.folder.mkdir()
        self.constraints = folder / "constraints.txt"
        self.constraints.write_text("".join(f"{name}=={version}\n" for name, version in PINNED))
        subprocess.run([sys.executable, "-m", "venv", self.bin.parent], check=True, timeout=PATIENCE_SECONDS)

    def install(self, requirement: str) -> None:
        """Install it with the pinned versions of what it needs."""
        done = self.run("python", "-m", "pip", "install", "--quiet", "-c", self.constraints, requirement)
        assert done.returncode == 0, done.stderr

    def run(self, program: str, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs from the other folder."""
        return subprocess.run(
            [str(self.bin / program), *map(str, words)],
            cwd=self.folder,
            env=clean_environment(**PIP_VARIABLES, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds of this repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, env=clean_environment(**PIP_VARIABLES), check=True, timeout=PATIENCE_SECONDS)
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The package without extras."""
    environment = Environment(tmp_path_factory.mktemp("bare"))
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="module")
def with_table(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The package with what a table takes."""
    environment = Environment(tmp_path_factory.mktemp("table"))
    environment.install(f"{wheel}[table]")
    return environment


@pytest.fixture(scope="module")
def exchange() -> Iterator[str]:
    with FakeExchange(symbols=(), books={"BTCUSDT": BOOK}) as server:
        yield server.url


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode())


def test_wheel_holds_handler_only(wheel: Path) -> None:
    """Every module, the marker of its types, and nothing of infra/ or tests/."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "handler").rglob("*.py")}
    assert names == sources | {"handler/py.typed"}


def test_wheel_metadata(wheel: Path) -> None:
    """Name, version, licence and README are those of the repository."""
    found = metadata(wheel)
    assert (found["Name"], found["Version"]) == ("order-book-imbalance", __version__)
    assert (found["License-Expression"], found["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    assert str(found.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def test_every_dependency_is_pinned() -> None:
    """What pyproject.toml names is installed and tested in the version of a requirements file."""
    named = {*PROJECT["dependencies"]}.union(*PROJECT["optional-dependencies"].values())
    assert named <= {name for name, _ in PINNED}


def test_lambda_extra_is_what_the_artifact_needs() -> None:
    """requirements.in, of which the artifact is made, and the package name the same libraries."""
    artifact = set((ROOT / "requirements.in").read_text(encoding="utf-8").split())
    transitive = {"certifi", "urllib3"}  # of requests
    assert {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lambda"]} - transitive == artifact


@pytest.mark.parametrize(
    ("flag", "printed"), [("--help", "usage: "), ("--version", f"order-book-imbalance {__version__}")]
)
def test_obi_runs_from_any_folder(bare: Environment, flag: str, printed: str) -> None:
    done = bare.run("obi", flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(printed)


def test_obi_samples_without_extras(bare: Environment, exchange: str) -> None:
    done = bare.run("obi", "--symbol", "BTC", "--count", "1", "--base-url", exchange)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["symbol"] == "BTCUSDT"


@pytest.mark.parametrize("command", ["history", "load"])
def test_help_of_other_commands_without_extras(bare: Environment, command: str) -> None:
    done = bare.run("obi", command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--table" in done.stdout


@pytest.mark.parametrize("words", ["history --symbol BTC", "load", "--symbol BTC --count 1"])
def test_missing_boto3_is_named(bare: Environment, words: str) -> None:
    """A command that needs the table says which package it lacks, before anything is printed."""
    done = bare.run("obi", *words.split(), "--table", "records")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "handler: a table needs the package boto3: run pip install boto3\n"


def test_sampled_loaded_and_read_back(with_table: Environment, exchange: str) -> None:
    """`obi`, `obi load` and `obi history` on one table."""
    with moto() as url, aws_client("dynamodb", url) as client:
        variables = {**AWS, "AWS_ENDPOINT_URL_DYNAMODB": url, "OBI_TABLE": create_table(client)}
        sampled = with_table.run("obi", "--symbol", "BTC", "--count", "1", "--base-url", exchange, **variables)
        (with_table.folder / "records.jsonl").write_text(sampled.stdout)
        loaded = with_table.run("obi", "load", "records.jsonl", **variables)
        read = with_table.run("obi", "history", "--symbol", "BTC", "--until", "2100-01-01", **variables)
    assert [done.returncode for done in (sampled, loaded, read)] == [0, 0, 0]
    assert "loaded 0, already there 1," in loaded.stderr
    assert read.stdout == sampled.stdout != ""
