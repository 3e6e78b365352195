"""What the tests of the deployment share: the builds, and a fake exchange."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fakes import BOOK

from deploy.account import STACK, Account, emulated_aws
from deploy.tools import ROOT, build, build_for_this_machine, template, transformed
from infra.fake_exchange import FakeExchange

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """These take minutes and tools of their own, so that they are run by name only."""
    requested = [(config.invocation_params.dir / word.partition("::")[0]).resolve() for word in config.args]
    return None if any(path == HERE or HERE in path.parents for path in requested) else True


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda unpacks."""
    directory = tmp_path_factory.mktemp("build")
    build(directory, "SamplerFunction")
    return directory / "SamplerFunction"


@pytest.fixture(scope="session")
def archive_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda unpacks for the archive's functions."""
    directory = tmp_path_factory.mktemp("build-archive")
    build(directory, "ArchiveStack/ArchiveFunction")
    return directory / "ArchiveStack/ArchiveFunction"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `sam build` left when it built for this machine."""
    directory = tmp_path_factory.mktemp("build-here")
    build_for_this_machine(directory)
    return directory


@pytest.fixture(scope="session")
def runnable(built: Path) -> Path:
    """The artifact as it would be on a Lambda of this machine's architecture."""
    return built / "SamplerFunction"


@pytest.fixture(scope="session")
def runnable_archive(built: Path) -> Path:
    """The artifact of the archive's functions, for this machine."""
    return built / "ArchiveStack/ArchiveFunction"


@pytest.fixture(scope="session")
def sam_template() -> Any:
    """template.yaml as it is written."""
    return template(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """The resources that CloudFormation creates, those of the nested stack among them."""
    found: dict[str, Any] = {}
    for path in (ROOT / "template.yaml", ROOT / "infra/monitoring.yaml"):
        found |= transformed(path)["Resources"]
    return found


@pytest.fixture(scope="session")
def live_exchange() -> Iterator[FakeExchange]:
    """A stand-in exchange that lists BTCUSDT with BOOK and lives by the real clock."""
    with FakeExchange(symbols=(), books={"BTCUSDT": BOOK}) as exchange:
        yield exchange


@pytest.fixture(scope="session")
def account(built: Path, live_exchange: FakeExchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account of AWS, in which IAM policies are enforced."""
    with emulated_aws(tmp_path_factory.mktemp("aws")) as url:
        account = Account(url, built, live_exchange.url, tmp_path_factory.mktemp("home"))
        yield account
        account.close()


@pytest.fixture(scope="session")
def outputs(account: Account) -> dict[str, str]:
    """The outputs of the stack STACK, once it is up."""
    account.deploy()
    return account.outputs(STACK)
