"""The tools of the deployment, each from an environment of its own (see the Makefile)."""

import json
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from support.servers import AWS, clean_environment

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam/bin/sam"
CFN_LINT = ROOT / ".venv-sam/bin/cfn-lint"
CHECKOV = ROOT / ".venv-checkov/bin/checkov"
MINISTACK = ROOT / ".venv-emulator/bin/ministack"
RUNTIME = ROOT / ".venv-emulator/bin/python"
"""The Python that runs the artifact: the one of Lambda if this machine has it."""
TEST_TIMEOUT_SECONDS = 180.0
PIP_VARIABLES = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
"""Settings that pip and uv may need to reach their index."""


def run(*command: str | Path, **environment: str) -> str:
    """Run a tool in the repository; what it printed, or AssertionError with it."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(**(AWS | {"SAM_CLI_TELEMETRY": "0"} | environment)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TEST_TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed: {done.stdout}"
    return done.stdout


def build(directory: Path, *flags: str, for_this_machine: bool = False) -> None:
    """Build as `sam build` does for a user, or for the processor and the Python that run it here."""
    variables = dict(PIP_VARIABLES)
    if for_this_machine:
        variables["RUNTIME_VERSION"] = run(RUNTIME, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        variables["ARCHITECTURE"] = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    run(SAM, "build", "--build-in-source", "--build-dir", directory, *flags, **variables)


@cache
def _template(path: Path) -> Any:
    return json.loads(run(SAM.with_name("python"), ROOT / "tests/deploy/transform.py", path))


def template(path: Path) -> Any:
    """A template as it is written, short forms written out."""
    return _template(path)[0]


def transformed(path: Path) -> Any:
    """A template as CloudFormation gets it, SAM's resources translated."""
    return _template(path)[1]


@cache
def interface_emulator() -> Path:
    """AWS's Lambda Runtime Interface Emulator for this machine; SAM's wheel brings it."""
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    (found,) = (ROOT / ".venv-sam/lib").glob(f"python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    found.chmod(0o755)
    return found
