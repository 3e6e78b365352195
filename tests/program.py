"""The program in a process of its own, as its users run it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 30.0
"""Nothing takes this long; whatever does hangs."""


def run(*flags: str, python: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end. Whatever it is asked, it answers without a traceback."""
    with start(*flags, python=python, stdout=subprocess.PIPE, **environment) as process:
        return finished(process)


def start(
    *flags: str, python: Sequence[str] = (), stdout: int | IO[bytes] = subprocess.PIPE, **environment: str
) -> "subprocess.Popen[str]":
    """Start it, and leave it running."""
    command = [sys.executable, *python, "-m", "handler", *flags]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8"
    )


def finished(process: "subprocess.Popen[str]") -> subprocess.CompletedProcess[str]:
    """Wait for its end, and read what is left of its output."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert "Traceback" not in stderr
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
