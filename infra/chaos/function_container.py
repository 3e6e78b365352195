"""A Lambda container of the function, which may be killed and started anew."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from infra.chaos.processes import Program


class Container:
    """A process that invokes the function, event by event."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str]) -> None:
        self._path, self._environment = folder / name, environment
        self.results = self._path.with_suffix(".results")
        self._start()

    def send(self, name: str, event: Any, clock_offset: float) -> None:
        """Queue an event."""
        request = {"id": name, "event": event, "seconds": 30.0, "clock_offset": clock_offset}
        assert self.program.process.stdin is not None  # noqa: S101 - for the type checker
        self.program.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.program.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and a new process in its place."""
        self.program.end(signal.SIGKILL)
        self._start()

    def finish(self) -> None:
        """Let it handle the queued events, and end."""
        assert self.program.process.stdin is not None  # noqa: S101 - for the type checker
        self.program.process.stdin.close()
        self.program.wait()

    def _start(self) -> None:
        command = ("infra.testkit.lambda_container", str(self.results))
        self.program = Program(self._path, *command, stdin=subprocess.PIPE, variables=self._environment)
