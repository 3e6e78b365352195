"""The Markdown page that a run writes."""

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.bench.environments import HERE, PEERS, ROOT
from infra.bench.interpreter import Choice
from infra.bench.results import Section, Target, table

PAGE = ROOT / "docs/benchmarks.md"

_NOTE = """\
Everything here is **synthetic**: a fake exchange with made-up books, and a fake DynamoDB that accepts every write at
once, both on this machine's loopback, in processes of their own. No Internet, no DNS, no TLS and, unless stated, no
latency. Responses have the two dozen header fields of the real ones and are compressed for clients that accept gzip;
the raw sockets, which are the floor, do not ask for it. So these figures compare programs; they do not say what an hour
on AWS costs or takes.

A figure is the **median (lower–upper quartile)** of the ratios of each round; contenders alternate. What is not a ratio
is for scale: it changes with the machine and with what else runs on it."""

_PACKAGES = (*PEERS, "requests", "urllib3", "aiohttp", "boto3", "botocore", "aws-lambda-powertools")


def page(sections: Sequence[Section], choice: Choice, command: str, measured: str) -> str:
    """The whole page; `measured` is the revision of this project that was measured."""
    targets = [target for section in sections for target in section.targets]
    parts = ["# Benchmarks", f"Written by `{command}`; do not edit.", _NOTE, _facts(choice, measured)]
    if targets:
        parts += ["## Targets", _targets(targets)]
    for section in sections:
        parts += [f"## {section.title}", section.text]
        parts += [f"![{section.title}]({picture.name})" for picture in section.pictures]
    return "\n\n".join(parts) + "\n"


def _facts(choice: Choice, measured: str) -> str:
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return "\n".join(
        [
            f"- machine: {_machine()}",
            f"- interpreter of all contenders: CPython {choice.used.version}, {choice}",
            f"- versions: {_versions()}",
            f"- this project: {measured}, {today}",
        ]
    )


def _targets(targets: Sequence[Target]) -> str:
    rows = {
        target.name: [f"≤ {target.maximum:g}", f"{target.figure:.2f}", "yes" if target.met else "**no**"]
        for target in targets
    }
    return table(["target", "promised", "measured", "met"], rows)


def _machine() -> str:
    """Processor, system, memory, and the load by now."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    name = model[1] if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} CPUs, {memory:.0f} GB, {platform.system()}, load {load}"


def _versions() -> str:
    """The pinned versions of this project's packages and of the others."""
    files = [ROOT / "requirements.txt", *(HERE / f"requirements-{name}.txt" for name in PEERS)]
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", "\n".join(file.read_text() for file in files), re.MULTILINE))
    return ", ".join(f"{name} {pins[name]}" for name in _PACKAGES)


def revision() -> str:
    """The revision of this project, or `unknown` outside of a Git repository."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
