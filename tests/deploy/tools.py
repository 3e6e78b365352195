"""The tools of the deployment, each from an environment of its own (see the Makefile)."""

import json
import os
import platform
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from support.servers import AWS, clean_environment, free_port, running

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


def _interface_emulator() -> Path:
    """AWS's own, for this machine, which keeps the timeout and ends what outlasts it; SAM's wheel brings it."""
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    (found,) = (ROOT / ".venv-sam/lib").glob(f"python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    found.chmod(0o755)
    return found


class Emulator:
    """A function that runs."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log

    def invoke(self, event: Any) -> Any:
        """The function's answer, or the error that it ended with: errorType, errorMessage."""
        with urllib.request.urlopen(
            f"{self.url}/2015-03-31/functions/function/invocations", json.dumps(event).encode(), TEST_TIMEOUT_SECONDS
        ) as response:
            return json.loads(response.read())

    @property
    def log(self) -> str:
        """What the function and the emulator printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def emulate(
    artifact: Path, directory: Path, *, handler: str = "handler.app.lambda_handler", **environment: str
) -> Iterator[Emulator]:
    """Run a handler of the artifact as Lambda does, with these variables."""
    port, api_port = free_port(), free_port()
    command: list[str | Path] = [
        _interface_emulator(),
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{port}",
        "--runtime-api-address",
        f"127.0.0.1:{api_port}",
        RUNTIME,
        "-m",
        "awslambdaric",
        handler,
    ]
    variables = {
        **AWS,
        "AWS_LAMBDA_FUNCTION_NAME": "sampler",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "75",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LAMBDA_TASK_ROOT": str(artifact),
        "PYTHONDONTWRITEBYTECODE": "1",  # the artifact is read-only to Lambda
        **environment,
    }
    with running(command, port, directory / "emulator.log", cwd=artifact, **variables) as log:
        yield Emulator(f"http://127.0.0.1:{port}", log)
