"""The package as its users install it: what the wheel holds, and `obi` in an environment and a folder of its own."""

import json
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest
from support.program import ROOT
from support.servers import AWS, aws_client, clean_environment, create_table, moto

from deploy.tools import PIP_VARIABLES, TEST_TIMEOUT_SECONDS, run
from handler import __version__
from infra.fake_exchange import FakeExchange


def uv(*words: str | Path) -> None:
    """Run uv, which needs a tenth of pip's time."""
    run(ROOT / ".venv-uv/bin/uv", *words, "--quiet", "--system-certs", **PIP_VARIABLES)


class Environment:
    """A virtual environment, and a folder that is not the repository's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder / "elsewhere", folder / "venv/bin"
        self.folder.mkdir()
        uv("venv", "--python", sys.executable, self.bin.parent)

    def install(self, requirement: str | Path) -> None:
        """Install in the versions of uv.lock."""
        pinned = self.folder / "pinned.txt"
        packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
        names = [package["name"] for package in packages]  # twice where the tools' environments have another version
        once = [package for package in packages if names.count(package["name"]) == 1 and "version" in package]
        pinned.write_text("".join(f"{package['name']}=={package['version']}\n" for package in once))
        uv("pip", "install", "--python", self.bin / "python", "-c", pinned, requirement)

    def run(self, program: str, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs from the other folder."""
        return subprocess.run(
            [str(self.bin / program), *map(str, words)],
            cwd=self.folder,
            env=clean_environment(**PIP_VARIABLES, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TEST_TIMEOUT_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built of this repository."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", folder, ROOT)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The package without extras; `test_with_the_extras…` adds those of tables and history."""
    environment = Environment(tmp_path_factory.mktemp("installed"))
    environment.install(wheel)
    return environment


@pytest.fixture(scope="module")
def exchange() -> Iterator[str]:
    with FakeExchange(["BTCUSDT"]) as server:
        yield server.url


def test_the_wheel_holds_every_module_as_obi_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        [metadata] = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        found = message_from_string(archive.read(metadata).decode())
    sources = {f"obi/{path.relative_to(ROOT / 'handler').as_posix()}" for path in (ROOT / "handler").rglob("*.py")}
    assert names == sources | {"obi/py.typed"}
    assert (found["Name"], found["Version"]) == ("order-book-imbalance", __version__)
    assert (found["License-Expression"], found["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    assert str(found.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--version"], 0, __version__),
        (["history", "--help"], 0, "--gaps"),
        (["load", "--table", "records"], 2, "boto3"),  # said before anything is read
        (["--symbol", "BTC", "--count", "1", "--table", "records"], 2, "boto3"),
        (["history", "--from", "."], 2, "duckdb"),
    ],
)
def test_without_extras(environment: Environment, words: list[str], code: int, text: str) -> None:
    """Commands run, or name what is missing."""
    (environment.folder / "handler.py").write_text("raise RuntimeError('somebody else')")
    done = environment.run("obi", *words, PYTHONPATH=str(environment.folder))
    assert (done.returncode, text in done.stdout + done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr


def test_it_samples_without_extras(environment: Environment, exchange: str) -> None:
    done = environment.run("obi", "--symbol", "BTC", "--count", "1", "--base-url", exchange, "--to", "obi")
    assert (done.returncode, json.loads(done.stdout)["symbol"]) == (0, "BTCUSDT"), done.stderr


def test_with_the_extras(environment: Environment, wheel: Path, exchange: str) -> None:
    """It is sampled, loaded and read back."""
    environment.install(f"{wheel}[table,history]")
    with moto() as url, aws_client("dynamodb", url) as client:
        variables = {**AWS, "AWS_ENDPOINT_URL_DYNAMODB": url, "OBI_TABLE": create_table(client)}
        sampled = environment.run("obi", "--symbol", "BTC", "--count", "1", "--base-url", exchange, **variables)
        (environment.folder / "records.jsonl").write_text(sampled.stdout)
        loaded = environment.run("obi", "load", "records.jsonl", "--interval_seconds", "60", **variables)
        read = environment.run(
            "obi", "history", "--symbol", "BTC", "--since", "1h", "--until", "2100-01-01", **variables
        )
    assert [done.returncode for done in (sampled, loaded, read)] == [0, 0, 0], (sampled, loaded, read)
    assert "loaded 0, already there 1," in loaded.stderr
    assert read.stdout == sampled.stdout != ""
