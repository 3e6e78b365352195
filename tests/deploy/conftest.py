"""What the tests of the deployment share: one build, and a stand-in exchange."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fakes import BOOK

from deploy.tools import ROOT, build, template, transformed
from infra.fake_exchange import FakeExchange

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """These take minutes and tools of their own, so that they are run by name only."""
    asked = [(config.invocation_params.dir / word.partition("::")[0]).resolve() for word in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `sam build` left."""
    directory = tmp_path_factory.mktemp("build")
    build(directory)
    return directory


@pytest.fixture(scope="session")
def artifact(built: Path) -> Path:
    """What Lambda unpacks."""
    return built / "SamplerFunction"


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


@pytest.fixture(scope="module")
def live_exchange() -> Iterator[FakeExchange]:
    """A stand-in exchange that lists BTCUSDT with BOOK and lives by the real clock."""
    with FakeExchange(symbols=(), books={"BTCUSDT": BOOK}) as exchange:
        yield exchange
