"""The environments that the benchmark compares are those that users install."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_runner_is_measured_with_what_the_package_requires() -> None:
    """A new process is measured with the dependencies of `pip install .`, and none of them is left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (ROOT / "infra/bench/requirements-runner.in").read_text(encoding="utf-8").split() == project["dependencies"]
