"""`make local` in a process of its own, and a shell that uses it."""

import os
import subprocess
import sys
from pathlib import Path

from support.program import PATIENCE_SECONDS, ROOT


def local(folder: Path, *flags: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local", *flags],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


def in_another_terminal(folder: Path, command: str, **environment: str) -> str:
    """Run what the local system says to eval, then a command, in a shell."""
    script = f'eval "$({sys.executable} -m infra.local env)" && {command}'
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
