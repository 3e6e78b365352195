"""The benchmark runs on an optimised Python, and says which."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bench.interpreter import AUTO, PREFERRED, Interpreter, SlowInterpreterError, choose, pick, probe

ROOT = Path(__file__).parents[2]
SYSTEM = os.path.realpath(PREFERRED)


def python(path: str, float_ns: float) -> Interpreter:
    return Interpreter(path, "3.11.2", float_ns)


@pytest.mark.parametrize(
    ("found", "used"),
    [
        ([python("/slow", 170), python(SYSTEM, 60), python("/fast", 50)], SYSTEM),
        ([python("/slow", 170), python(SYSTEM, 170), python("/fast", 50)], "/fast"),
        ([python("/slow", 170), python("/fast", 50)], "/fast"),
    ],
)
def test_system_python(found: list[Interpreter], used: str) -> None:
    """The system's Python is chosen unless it is slow."""
    assert pick(None, found).used.path == used


def test_named_python() -> None:
    """The Python that is named is chosen."""
    assert pick(python("/named", 99), [python("/fast", 50)]).used.path == "/named"


def test_slow_python() -> None:
    """A Python half as fast as the fastest is rejected, and the fastest named."""
    with pytest.raises(SlowInterpreterError, match="BENCH_PYTHON=/fast"):
        pick(python("/named", 100), [python("/fast", 50)])


def test_description() -> None:
    """The page says which Python it is and how fast."""
    text = str(pick(python("/named", 80), [python("/fast", 50)]))
    assert text == "/named, `float()` of a price in 80 ns (the fastest found here, /fast: 50 ns)"


def test_timing() -> None:
    """Every interpreter is timed."""
    found = probe(sys.executable)
    assert found
    assert found.float_ns > 0
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert choose(AUTO).used.path


def test_not_a_python(tmp_path: Path) -> None:
    """A file that is not a Python is rejected in one sentence."""
    command = [sys.executable, "-m", "infra.bench", "--python", str(tmp_path / "python9")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"bench: {tmp_path / 'python9'} is not a Python 3.11 or newer with venv.\n"
