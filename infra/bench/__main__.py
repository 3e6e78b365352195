"""`python -m infra.bench`: measure, and write the figures to docs/benchmarks.md."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from infra.bench.environments import Environments
from infra.bench.interpreter import AUTO, PREFERRED, SlowInterpreterError, choose
from infra.bench.part import Bench, Section
from infra.bench.report import page
from infra.bench.servers import ROOT

PARTS = {
    "cold": ["cold"],
    "warm": ["warm"],
    "sweep": ["sweep", "tls"],
    "size": ["size"],
    "growth": ["growth"],
    "history": ["history"],
}
"""What --only names → the modules that it stands for."""


def main() -> None:
    """Run the parts asked for, and write the page. A target that is skipped_ticks is told, and is no error."""
    options = _options()
    try:
        choice = choose(options.python)
    except SlowInterpreterError as error:
        raise SystemExit(f"bench: {error}") from None
    _tell(f"all contenders run on {choice}")
    environments = Environments(choice.used.path)
    bench = Bench(environments, options.quick, _tell)
    sections = [section for part in options.only for module in PARTS[part] for section in _run(module, bench)]
    text = page(sections, environments, choice, _command(options))
    if options.output is None:
        print(text, end="")
    else:
        Path(options.output).write_text(text, encoding="utf-8")
        _tell(f"written: {options.output}")
    for target in (target for section in sections for target in section.targets if not target.met):
        _tell(f"skipped_ticks: {target.what}")


def _run(module: str, bench: Bench) -> Sequence[Section]:
    name = f"infra.bench.{module}"
    if find_spec(name) is None:
        bench.tell(f"{module}: there is no such part here, left out")
        return []
    section: Section = import_module(name).run(bench)
    return [section]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="few rounds: for a first look, the figures scatter")
    add("--only", type=_parts, default=list(PARTS), metavar="PART,…", help=f"some of {','.join(PARTS)}")
    add("--python", default=AUTO, help=f"the interpreter of all contenders (default: {PREFERRED} or a faster one)")
    add("--output", metavar="FILE", help="where to write (default: docs/benchmarks.md, stdout with --quick or --only)")
    options = parser.parse_args()
    if options.output is None and not options.quick and options.only == list(PARTS):
        options.output = str(ROOT / "docs/benchmarks.md")
    return options


def _parts(text: str) -> list[str]:
    found = text.split(",")
    if unknown := [part for part in found if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return found


def _command(options: argparse.Namespace) -> str:
    quick = " --quick" if options.quick else ""
    only = f" --only {','.join(options.only)}" if options.only != list(PARTS) else ""
    return f"python -m infra.bench{quick}{only} --python {options.python}"


def _tell(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
