"""Can the tests fail? `python -m infra.mutation --count 150 --seed 1 [--module book]`.

Changes one operator, comparison, constant, `not` or `raise` of a module at a time, in a temporary copy of the project,
and runs the module's own tests there. A mutation that they all pass has survived: either a test is missing, or the
mutation changes nothing that can be observed, and belongs into mutation_tables.py with its reason.
"""

import argparse
import ast
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import pytest

from infra.mutation_tables import EQUIVALENT, OWN_TESTS

ROOT = Path(__file__).resolve().parents[1]
PROCESSES = 2
MAX_SECONDS, MAX_CPU_SECONDS, MAX_BYTES = 200.0, 25, 4 * 2**30
"""A mutation may make a loop endless."""
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "hypothesis", "moto.server"])  # imported once, which halves the time

PAIRS: list[tuple[type[ast.AST], type[ast.AST]]]
PAIRS = [(ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn)]
PAIRS += [(ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div)]
SWAPPED = dict(PAIRS) | {two: one for one, two in PAIRS} | dict.fromkeys((ast.FloorDiv, ast.Mod, ast.Pow), ast.Mult)


class Mutation(NamedTuple):
    """One change of one module: `line` and `change` for people, `source` is the whole text with the change."""

    module: str
    number: int
    line: str
    change: str
    source: str


def mutations(module: str) -> Iterator[Mutation]:
    """Every single mutation of a module."""
    text = (ROOT / module).read_text(encoding="utf-8")
    tree = ast.parse(text)
    for number, parent, container, key in _places(tree):
        original = container[key]
        shown = parent if type(original) in SWAPPED else original  # an operator shows in its expression only
        for replacement in _replacements(original):
            before, container[key] = ast.unparse(shown), replacement
            change = f"{before} → {ast.unparse(parent if shown is parent else replacement)}"
            yield Mutation(module, number, text.splitlines()[number - 1].strip(), change, ast.unparse(tree))
            container[key] = original


def _places(parent: ast.AST, number: int = 1) -> Iterator[tuple[int, ast.AST, Any, Any]]:
    """What the tree holds, but for type annotations, as (line number, parent, container, index or name in it)."""
    for name, value in ast.iter_fields(parent):
        if name in ("annotation", "returns"):
            continue
        container: Any = value if isinstance(value, list) else vars(parent)
        for key in range(len(value)) if isinstance(value, list) else [name]:
            child = container[key]
            line = getattr(child, "lineno", number)
            yield line, parent, container, key
            if isinstance(child, ast.AST):
                yield from _places(child, line)


def _replacements(node: Any) -> list[ast.AST]:
    match node:
        case ast.Constant(value=bool(flag)):
            return [ast.Constant(not flag)]
        case ast.Constant(value=int(number)):
            return [ast.Constant(number + 1), ast.Constant(number - 1)]
        case ast.Constant(value=float(number)):
            return [ast.Constant(number * 2 or 1.0), ast.Constant(number / 2 or -1.0)]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            return [node.operand]
        case ast.Raise():
            return [ast.Pass()]
    return [SWAPPED[type(node)]()] if type(node) in SWAPPED else []


def _outcome(mutation: Mutation, copies: "SimpleQueue[Path]") -> str:
    copy = copies.get()
    (copy / mutation.module).write_text(mutation.source, encoding="utf-8")
    process = FORKS.Process(target=_test, args=(copy, [f"tests/{name}" for name in OWN_TESTS[mutation.module]]))
    process.start()
    process.join(MAX_SECONDS)
    process.kill()
    process.join()
    shutil.copy(ROOT / mutation.module, copy / mutation.module)
    copies.put(copy)
    return "killed by a limit" if (code := process.exitcode or 0) < 0 else "killed" if code else "SURVIVED"


def _test(copy: Path, tests: list[str]) -> None:
    """Run tests in a copy of the project, and end this process with the exit code of pytest."""
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    sys.dont_write_bytecode = True
    os.chdir(copy)
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    os._exit(pytest.main([*OPTIONS, *tests]))


def main() -> int:
    """Print each mutation and whether a test caught it; exit code 1 if fewer than 95 % were caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", default="", help="part of a module's path (default: all modules)")
    options = parser.parse_args()
    modules = [module for module in OWN_TESTS if options.module in module]
    unchanged = [Mutation(module, 0, "", "", (ROOT / module).read_text(encoding="utf-8")) for module in modules]
    every = [one for module in modules for one in mutations(module)]
    known = [one for one in every if (one.module, one.line, one.change) not in EQUIVALENT]
    sample = random.Random(options.seed).sample(known, min(options.count, len(known)))
    print(f"{len(sample)} of {len(known)} mutations, without {len(every) - len(known)} equivalent ones", flush=True)
    copies: SimpleQueue[Path] = SimpleQueue()
    survived = 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(PROCESSES) as pool:
        for number in range(PROCESSES):
            ignored = shutil.ignore_patterns(".*", "node_modules", "__pycache__")
            copies.put(shutil.copytree(ROOT, Path(directory, str(number)), ignore=ignored))
        outcomes = pool.map(lambda mutation: _outcome(mutation, copies), [*unchanged, *sample])
        for one, outcome in zip([*unchanged, *sample], outcomes, strict=True):
            if one.change:
                survived += outcome == "SURVIVED"
                print(f"{outcome} {one.module}:{one.number}: {one.change}", flush=True)
            elif outcome != "SURVIVED":
                sys.exit(f"the tests of {one.module} fail without a mutation")
    print(f"{len(sample) - survived} of {len(sample)} killed: {1 - survived / len(sample):.1%}")
    return int(survived > 0.05 * len(sample))


if __name__ == "__main__":
    sys.exit(main())
