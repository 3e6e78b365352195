"""A process from its start to its end: how long, how much CPU, how much memory."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from handler.slots import format_timestamp
from infra.bench.servers import ROOT
from infra.bench.synthetic import DAY, START

LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(status, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
"""
"""Starts a process and measures it. Of a child of this process the peak of memory would be this one's, if larger."""


class Run(NamedTuple):
    """What a process took, and how many lines it printed."""

    wall: float
    cpu: float
    peak_mb: float
    lines: int


def measured(command: Sequence[str], where: Mapping[str, str], *, code: int = 0) -> Run:
    """Run a process through a pipe to its end."""
    launched = [sys.executable, "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launched, cwd=ROOT, env=where, capture_output=True, check=True)
    *said, told = done.stderr.decode().splitlines()
    status, wall, cpu, peak = told.split()
    if os.waitstatus_to_exitcode(int(status)) != code:
        raise RuntimeError(f"{command!r}: {said}")
    return Run(float(wall), float(cpu), int(peak) / 1024, done.stdout.count(b"\n"))


def moments(seconds: int) -> list[str]:
    """The range from the first record on."""
    return ["--since", format_timestamp(START), "--until", format_timestamp(START + seconds)]


@dataclass(frozen=True)
class Commands:
    """Commands for the contenders' interpreter."""

    python: Path

    def handler(self, *words: str) -> list[str]:
        """A command of this project."""
        return [str(self.python), "-m", "handler", *words]

    def history(self, *flags: str, days: int) -> list[str]:
        """The command that prints the records of so many days."""
        return self.handler("history", *moments(days * DAY), *flags)

    def peer(self, *words: str) -> list[str]:
        """What a user would write instead."""
        return [str(self.python), "-m", "infra.bench.table_peers", *words]
