"""A container of the function, warm from one invocation to the next: `handler.app` in a process of its own.

In the tests' own process it would set up logging, the exception hook and garbage collection for everyone.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support.servers import AWS, clean_environment

ROOT = Path(__file__).parents[2]


class FunctionError(Exception):
    """The invocation failed; the message is that of the error that the function raised."""


class Container:
    """Invokes the function as Lambda does: one event after the other, what it prints is its log."""

    def __init__(self, log: Path, **environment: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-u", __file__],  # Lambda's stdout is not buffered either
                cwd=ROOT,
                env=clean_environment(PYTHONPATH=f"{ROOT}:{ROOT}/tests", **AWS, **environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )

    def invoke(self, event: Any, seconds: float = 60.0) -> dict[str, int]:
        """Run the function with so many seconds left before its timeout; returns its result or raises FunctionError."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([event, seconds]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the container ended: {self._log.read_text()}"
        answer: dict[str, int] | str = json.loads(line)
        if isinstance(answer, str):
            raise FunctionError(answer)
        return answer

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far: every line of JSON, read."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def record_lines(self) -> list[str]:
        """The records in the log, as they were printed."""
        return [line for line in self._log.read_text(encoding="utf-8").splitlines() if line.startswith('{"timestamp":')]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _serve() -> None:
    """Answer each event that comes in on stdin. What the function prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lambda_handler = importlib.import_module("handler.app").lambda_handler
    for number, line in enumerate(sys.stdin):
        event, seconds = json.loads(line)
        try:
            answer = lambda_handler(event, _context(number, time.monotonic() + seconds))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), file=answers, flush=True)


def _context(number: int, deadline: float) -> SimpleNamespace:
    return SimpleNamespace(
        function_name="sampler",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:sampler",
        aws_request_id=f"request-{number}",
        get_remaining_time_in_millis=lambda: int((deadline - time.monotonic()) * 1000),
    )


if __name__ == "__main__":
    _serve()
