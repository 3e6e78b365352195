"""A container of the function: a process that gets events, one after the other."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from infra.chaos.processes import Program


class Container:
    """A process that runs the function, event after event; started again after it was killed."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str]) -> None:
        self._path, self._environment = folder / name, environment
        self.results = self._path.with_suffix(".results")
        self._start()

    def deliver(self, name: str, event: Any, offset: float) -> None:
        """Hand it an event; it takes one after the other."""
        request = {"id": name, "event": event, "seconds": 30.0, "offset": offset}
        assert self.program.process.stdin is not None  # noqa: S101 - for the type checker
        self.program.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.program.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and a new one in its place."""
        self.program.end(signal.SIGKILL)
        self._start()

    def finish(self) -> None:
        """No more events: let it do what it has, and end."""
        assert self.program.process.stdin is not None  # noqa: S101 - for the type checker
        self.program.process.stdin.close()
        self.program.wait()

    def _start(self) -> None:
        command = ("infra.chaos.function", str(self.results))
        self.program = Program(self._path, *command, stdin=subprocess.PIPE, variables=self._environment)
