"""A container of the function, warm from one invocation to the next: `handler.app` in a process of its own.

In the tests' own process it would set up logging, the exception hook and garbage collection for everyone.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from handler.slots import format_timestamp
from support.servers import AWS, clean_environment

ROOT = Path(__file__).parents[2]
RESULT = "RESULT "  # of infra.testkit.lambda_container, which would import handler.app


def this_slot(seconds: int = 60) -> float:
    """The start of the running slot, or of the next one where too little of it is left for a test."""
    if (left := seconds - time.time() % seconds) < seconds / 6:
        time.sleep(left)
    return time.time() // seconds * seconds


def this_minute() -> dict[str, str]:
    """The schedule's event for the running minute."""
    return {"scheduled_time": format_timestamp(this_slot()), "execution_id": "e-1"}


class FunctionError(Exception):
    """The invocation failed; the message is that of the error that the function raised."""


class Container:
    """Invokes the function as Lambda does: one event after the other, what it prints is its log."""

    def __init__(self, **environment: str) -> None:
        self._log: list[str] = []
        self._process = subprocess.Popen(
            # -u: Lambda's stdout is not buffered either
            [sys.executable, "-u", "-m", "infra.testkit.lambda_container"],
            cwd=ROOT,
            env=clean_environment(PYTHONPATH=str(ROOT), **AWS, **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def invoke(self, event: Any, seconds: float = 60.0) -> dict[str, int]:
        """Run the function with so many seconds left before its timeout; returns its result or raises FunctionError."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"id": "request", "event": event, "seconds": seconds}), file=self._process.stdin, flush=True)
        while not (line := self._process.stdout.readline()).startswith(RESULT):
            assert line, f"the container ended: {self._log}"
            self._log.append(line.rstrip())
        result = json.loads(line.removeprefix(RESULT))
        if "raised" in result:
            raise FunctionError(result["raised"])
        answer: dict[str, int] = result["returned"]
        return answer

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far: every line of JSON, read."""
        return [json.loads(line) for line in self._log if line.startswith("{")]

    @property
    def record_lines(self) -> list[str]:
        """The records in the log, as they were printed."""
        return [line for line in self._log if line.startswith('{"timestamp":')]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
