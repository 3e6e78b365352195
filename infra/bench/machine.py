"""What the figures were made on, and of."""

import os
import platform
import re
import subprocess
from pathlib import Path

from infra.bench.environments import HERE, OURS, PEERS, Environments
from infra.bench.servers import ROOT

_CODE = "import platform; print(platform.python_version(), platform.python_compiler())"
_NAMES = (*PEERS, "requests", "urllib3", "aiohttp", "boto3", "botocore", "aws-lambda-powertools")


def machine() -> str:
    """Processor, system, memory, and how busy it is by now."""
    model = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    name = model[1] if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} CPUs, {memory:.0f} GB, {platform.system()}, load {load}"


def interpreter(environments: Environments) -> str:
    """The one Python of all contenders."""
    command = [str(environments.python(OURS)), "-c", _CODE]
    version, _, compiler = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition(" ")
    return f"CPython {version} ({compiler.strip()})"


def versions() -> str:
    """What is pinned, of this project and of the others."""
    files = [ROOT / "requirements.txt", *(HERE / f"requirements-{name}.txt" for name in PEERS)]
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", "\n".join(file.read_text() for file in files), re.MULTILINE))
    return ", ".join(f"{name} {pins[name]}" for name in _NAMES)


def revision() -> str:
    """The commit that was measured."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
