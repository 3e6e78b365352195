"""The program in a process of its own, as its users run it."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
TEST_TIMEOUT_SECONDS = 30.0  # what takes this long hangs

HOME = tempfile.mkdtemp(prefix="home-")
"""The home folder of every process: empty at first, so that nothing of the developer's is found there."""
atexit.register(shutil.rmtree, HOME, ignore_errors=True)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + TEST_TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def environment(**variables: str) -> dict[str, str]:
    """A clean environment, with these variables and none that the developer has set."""
    return {"PATH": os.environ["PATH"], "HOME": HOME, "LANG": "C.UTF-8"} | variables


def run(*flags: str, python: Sequence[str] = (), **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end. It never prints a traceback."""
    with start(*flags, python=python, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **variables) as process:
        return finished(process)


def start(
    *flags: str,
    python: Sequence[str] = (),
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    **variables: str,
) -> "subprocess.Popen[str]":
    """Start it, and leave it running."""
    command = [sys.executable, *python, "-m", "handler", *flags]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
    )


def shell(command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in a folder to its end; in it `handler` and `obi` are the program."""
    script = f'handler() {{ "{sys.executable}" -m handler "$@"; }}\nobi() {{ handler "$@"; }}\n{command}'
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env=environment(PYTHONPATH=str(ROOT)), stdin=subprocess.DEVNULL,
        capture_output=True, encoding="utf-8", timeout=TEST_TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


def finished(process: "subprocess.Popen[str]") -> subprocess.CompletedProcess[str]:
    """Wait for its end, and read what is left of its output."""
    try:
        stdout, stderr = process.communicate(timeout=TEST_TIMEOUT_SECONDS)
    finally:
        process.kill()
    assert "Traceback" not in (stderr or "")
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
