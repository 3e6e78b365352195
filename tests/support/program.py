"""The program in a process of its own, as its users run it."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

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


def run(*flags: object, text: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with this text on its standard input. It never prints a traceback."""
    with start(*flags, stdin=subprocess.PIPE, **options) as process:
        return finished(process, text)


def start(
    *flags: object,
    code: str = "",
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    **variables: str,
) -> "subprocess.Popen[str]":
    """Start it, or this code in its place, and leave it running."""
    program = ["-c", code] if code else ["-m", "handler"]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, flags)],
        cwd=ROOT,
        env=environment(**variables),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
    )


def finished(process: "subprocess.Popen[str]", text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Wait for its end, and read what is left of its output."""
    try:
        stdout, stderr = process.communicate(text, timeout=TEST_TIMEOUT_SECONDS)
    finally:
        process.kill()
    assert "Traceback" not in (stderr or "")
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def shell(command: str, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lines of shell in a folder to their end; in them `handler` and `obi` are the program, which samples once."""
    functions = f"""
handler() {{ "{sys.executable}" -m handler "$@"; }}
obi() {{ case "$1" in --*) set -- "$@" --count 1 ;; esac; handler "$@"; }}
"""
    return subprocess.run(
        ["/bin/sh", "-ec", functions + command], cwd=folder, env=environment(PYTHONPATH=str(ROOT), **variables),
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=TEST_TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
