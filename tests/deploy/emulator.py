"""The artifact under AWS's own Runtime Interface Emulator, which keeps the timeout and ends what outlasts it."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.servers import AWS, free_port, running

from deploy.tools import RUNTIME, TEST_TIMEOUT_SECONDS, interface_emulator

_PATH = "/2015-03-31/functions/function/invocations"


class Emulator:
    """A function that runs."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log

    def invoke(self, event: Any) -> Any:
        """The function's answer, or the error that it ended with: errorType, errorMessage."""
        with urllib.request.urlopen(self.url + _PATH, json.dumps(event).encode(), TEST_TIMEOUT_SECONDS) as response:
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
        interface_emulator(),
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
