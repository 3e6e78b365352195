"""Processes on this machine: started in a clean environment, awaited within bounds, ended by their own process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 30.0
END_SECONDS = 5.0


def clean_environment(**more: str) -> dict[str, str]:
    """An environment for a process, with nothing in it of what the developer has set."""
    kept = ("PATH", "PYENV_ROOT", "HOME", "TMPDIR")  # where programs are found, and may write
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def run_server(
    command: Sequence[str | Path], port: int, log: Path, *, cwd: Path | None = None, **environment: str
) -> Iterator[Path]:
    """Run a server, from when it listens on its port to the end of the block; yields the file of its output."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=clean_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what it starts itself ends with it
        )
    try:
        _wait_until_listening(process, port, log)
        yield log
    finally:
        _end(process)


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not listen on {port}: {log.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(END_SECONDS)
