"""The Python that all contenders run on: an optimised build.

Of two builds of one version one may take three times as long for the same `float()`, and so for the same book. Its
build options do not show it: Debian's do not mention that it was built with a profile, pyenv's has -O3 and is slow. So
each is timed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

AUTO = "auto"
PREFERRED = "/usr/bin/python3"
"""The system's: a distribution's build is optimised, and others can install the same."""
MIN_VERSION = (3, 11)
MAX_SLOWDOWN = 2.0

_PROBE = """
import json, os, sys, timeit
try:
    import ensurepip, venv
except ImportError:
    sys.exit("no venv")
seconds = min(timeit.repeat("float(text)", globals={"float": float, "text": "12345.67890000"}, number=20000, repeat=15))
version = "%d.%d.%d" % sys.version_info[:3]
print(json.dumps([os.path.realpath(sys.executable), version, seconds / 20000 * 1e9]))
"""


class Interpreter(NamedTuple):
    """A Python that can make virtual environments."""

    path: str
    version: str
    float_ns: float
    """Nanoseconds for `float("12345.67890000")`."""

    def __str__(self) -> str:
        return f"{self.path} ({self.version}, {self.float_ns:.0f} ns)"


class Choice(NamedTuple):
    """The interpreter to use, and the fastest one that was found."""

    used: Interpreter
    fastest: Interpreter

    def __str__(self) -> str:
        return (
            f"{self.used.path}, `float()` of a price in {self.used.float_ns:.0f} ns"
            f" (the fastest found here, {self.fastest.path}: {self.fastest.float_ns:.0f} ns)"
        )


class SlowInterpreterError(Exception):
    """The named interpreter cannot be used, or is so slow that the figures would say more about its build."""


def choose(name: str) -> Choice:
    """Find an interpreter by name or path, or the best one for AUTO. Raises SlowInterpreterError."""
    named = None if name == AUTO else probe(name)
    if name != AUTO and named is None:
        raise SlowInterpreterError(f"{name} is not a Python {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer with venv.")
    return pick(named, [found for found in map(probe, _candidates()) if found])


def pick(named: Interpreter | None, found: Sequence[Interpreter]) -> Choice:
    """The named interpreter, else the preferred one unless it is slow, else the fastest."""
    known = [*found, *([named] if named else [])]
    if not known:
        raise SlowInterpreterError(f"No Python {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer with venv was found.")
    fastest = min(known, key=lambda one: one.float_ns)
    preferred = [one for one in found if one.path == os.path.realpath(PREFERRED) and not _is_slow(one, fastest)]
    used = named or (preferred or [fastest])[0]
    if _is_slow(used, fastest):
        raise SlowInterpreterError(
            f"{used} is not an optimised build: {fastest} reads a float {used.float_ns / fastest.float_ns:.1f} times as"
            f" fast. Use that one: make bench BENCH_PYTHON={fastest.path}"
        )
    return Choice(used, fastest)


def _is_slow(one: Interpreter, fastest: Interpreter) -> bool:
    return one.float_ns >= fastest.float_ns * MAX_SLOWDOWN


def probe(name: str) -> Interpreter | None:
    """Time an interpreter; None if it is missing, too old, or cannot make virtual environments."""
    try:
        done = subprocess.run([name, "-I", "-c", _PROBE], capture_output=True, timeout=60, check=True)
        found = Interpreter(*json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None
    return found if tuple(map(int, found.version.split("."))) >= MIN_VERSION else None


def _candidates() -> Iterable[str]:
    """The system's Python, that of PATH and this one, each once."""
    found = [PREFERRED, shutil.which("python3") or PREFERRED, sys.executable]
    return dict.fromkeys(map(os.path.realpath, found))
