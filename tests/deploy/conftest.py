"""What the tests of the deployment share: the builds, an account, and a fake exchange."""

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fakes import BOOK

from deploy.account import Account, emulated_aws
from deploy.tools import ROOT, build, template, transformed
from infra.fake_exchange import FakeExchange

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """These take minutes and tools of their own, so that they are run by name only."""
    requested = [(config.invocation_params.dir / word.partition("::")[0]).resolve() for word in config.args]
    return None if any(path == HERE or HERE in path.parents for path in requested) else True


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[..., Path]:
    """Build into a directory that all processes of a test run share; the first one builds."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def built(name: str, *flags: str, **options: bool) -> Path:
        directory = shared / f"build-{name}"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (directory / "template.yaml").exists():
                build(directory, *flags, **options)
        return directory

    return built


@pytest.fixture(scope="session")
def artifact(build_once: Callable[..., Path]) -> Path:
    """What Lambda unpacks."""
    return build_once("sampler-lambda") / "SamplerFunction"


@pytest.fixture(scope="session")
def runnable(build_once: Callable[..., Path]) -> Path:
    """The artifact as it would be on a Lambda of this machine's architecture."""
    return build_once("sampler", for_this_machine=True) / "SamplerFunction"


@pytest.fixture(scope="session")
def sam_template() -> Any:
    """template.yaml as it is written."""
    return template(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """The resources that CloudFormation creates, those of the nested stack among them."""
    paths = (ROOT / "template.yaml", ROOT / "infra/monitoring.yaml")
    return {name: found for path in paths for name, found in transformed(path)["Resources"].items()}


@pytest.fixture(scope="session")
def live_exchange() -> Iterator[FakeExchange]:
    """A stand-in exchange that lists BTCUSDT and ETHBTC with BOOK, on both markets, and lives by the real clock."""
    with FakeExchange(symbols=(), books={"BTCUSDT": BOOK, "ETHBTC": BOOK}) as exchange:
        yield exchange


@pytest.fixture(scope="session")
def account(
    build_once: Callable[..., Path], live_exchange: FakeExchange, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    """An account of AWS, in which IAM policies are enforced and functions sample the stand-in exchange.

    The emulator does not write the time into the schedule's input, so that what it starts samples the current slot, and
    has an IAM action for SendMessageBatch, which AWS allows with SendMessage.
    """
    directory = tmp_path_factory.mktemp("built")
    for name, flags in (("sampler", ()), ("archive", ("--template-file", str(ROOT / "infra/archive.yaml")))):
        shutil.copytree(build_once(name, *flags, for_this_machine=True), directory / name)
    sampler, archive = directory / "sampler/template.yaml", directory / "archive/template.yaml"
    text = sampler.read_text(encoding="utf-8")
    patched = text.replace("OBI_LEVELS:", f"OBI_BASE_URL: {live_exchange.url}\n          OBI_LEVELS:", 1)
    action = "- sqs:ReceiveMessage\n"
    assert patched.count(action) == 1
    patched = re.sub(rf"( *){action}", rf"\1{action}\1- sqs:SendMessageBatch\n", patched)
    start = patched.index("Input: '")
    patched = f"{patched[:start]}Input: '{{}}'{patched[patched.index(chr(10), start) :]}"
    sampler.write_text(patched, encoding="utf-8")
    text = archive.read_text(encoding="utf-8")  # whose bucket refuses the emulator's plain HTTP
    archive.write_text(text.replace("aws:SecureTransport", "aws:Other"), encoding="utf-8")
    with emulated_aws(tmp_path_factory.mktemp("aws")) as url:
        account = Account(url, directory, tmp_path_factory.mktemp("home"))
        yield account
        account.close()
