"""`python -m infra.bench`: measure, and write the results to the page of benchmarks."""

import argparse
import sys
from importlib import import_module

from infra.bench.environments import ROOT, Environments
from infra.bench.interpreter import AUTO, PREFERRED, SlowInterpreterError, choose
from infra.bench.report import PAGE, page, revision
from infra.bench.results import Bench, Section

PARTS = ("cold", "warm", "sweep", "skew", "growth", "reading")
"""Each is a module of this package with a function `run`."""


def main() -> None:
    """Run the selected parts and write the page, or print it. A missed target is logged, and is no error."""
    options = _options()
    try:
        choice = choose(options.python)
    except SlowInterpreterError as error:
        raise SystemExit(f"bench: {error}") from None
    measured = revision()  # before pictures are drawn, which would change it
    _log(f"all contenders run on {sys.executable if options.quick else choice}")
    environments = Environments(choice.used.path, ours=sys.executable if options.quick else None)
    bench = Bench(environments, options.quick, _log)
    sections: list[Section] = [import_module(f"infra.bench.{part}").run(bench) for part in options.only]
    text = page(sections, choice, _command(options), measured)
    if options.quick or options.only != list(PARTS):
        print(text, end="")
    else:
        PAGE.write_text(text, encoding="utf-8")
        _log(f"written: {PAGE.relative_to(ROOT)}")
    for target in (target for section in sections for target in section.targets if not target.met):
        _log(f"missed: {target.name}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one round, on this Python, without other packages: to see that it works")
    add("--only", type=_parts, default=list(PARTS), metavar="PART,…", help=f"some of {','.join(PARTS)}")
    add("--python", default=AUTO, help=f"the interpreter of all contenders (default: {PREFERRED} or a faster one)")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(PARTS)}")
    return parts


def _command(options: argparse.Namespace) -> str:
    quick = " --quick" if options.quick else ""
    only = f" --only {','.join(options.only)}" if options.only != list(PARTS) else ""
    return f"python -m infra.bench{quick}{only} --python {options.python}"


def _log(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
