"""The Markdown page that a run writes."""

import datetime
from collections.abc import Sequence

from infra.bench.environments import Environments
from infra.bench.figures import table
from infra.bench.interpreter import Choice
from infra.bench.machine import interpreter, machine, revision, versions
from infra.bench.part import Section, Target

NOTE = """\
Everything here is **synthetic**: a stand-in exchange with made-up books, and a stand-in for DynamoDB that takes every
write at once, both on this machine's loopback, in processes of their own. No Internet, no DNS, and, but where it says
so, no TLS and no latency. Answers have the two dozen header fields of the real ones and are compressed for those who
accept gzip; the raw sockets, which are the floor, do not ask for it. So these figures compare programs; they do not
tell what an hour on AWS costs or takes.

A figure is the **median (lower–upper quartile)** of the ratios taken round by round, contenders taking turns. What is
not a ratio is for scale: it changes with the machine and with what else runs on it."""


def page(sections: Sequence[Section], environments: Environments, choice: Choice, command: str) -> str:
    """The whole page."""
    targets = [target for section in sections for target in section.targets]
    parts = ["# Benchmarks", f"Written by `{command}`; do not edit.", NOTE, _facts(environments, choice)]
    if targets:
        parts += ["## Targets", _targets(targets)]
    for section in sections:
        parts += [f"## {section.title}", section.text]
        parts += [f"![{section.title}]({picture.name})" for picture in section.pictures]
    return "\n\n".join(parts) + "\n"


def _facts(environments: Environments, choice: Choice) -> str:
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return "\n".join(
        [
            f"- machine: {machine()}",
            f"- interpreter of all contenders: {interpreter(environments)}, {choice}",
            f"- versions: {versions()}",
            f"- this project: {revision()}, {today}",
        ]
    )


def _targets(targets: Sequence[Target]) -> str:
    rows = {
        target.what: [f"≤ {target.most:g}", f"{target.figure:.2f}", "yes" if target.met else "**no**"]
        for target in targets
    }
    return table(["target", "promised", "measured", "met"], rows)
