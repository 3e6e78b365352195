"""Can the tests fail? `python -m infra.mutation --count 150 --seed 1 [--module book]`.

Changes one operator, comparison, constant, `not` or `raise` of a module at a time, in a temporary copy of the project,
and runs the module's own tests there. A mutation that they all pass has survived: either a test is missing, or the
mutation changes nothing that can be observed, and belongs into equivalent_mutations.py with its reason.
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from infra.equivalent_mutations import EQUIVALENT

ROOT = Path(__file__).resolve().parents[1]
PROCESSES = 2
TIMEOUT_SECONDS = 90.0
LIMITED = ("sh", "-c", 'ulimit -v 4000000; exec "$0" "$@"')  # 4 GB: a mutation may make a loop endless

OWN_TESTS = {
    "handler/book.py": ["unit/test_book.py"],
    "handler/record.py": ["unit/test_record.py", "unit/test_record_limits.py"],
    "handler/slots.py": ["unit/test_ticks.py", "unit/test_timestamps.py", "unit/test_gaps.py"],
    "handler/exchanges/binance.py": ["unit/test_responses.py", "unit/test_book.py"],
    "handler/exchanges/responses.py": ["unit/test_responses.py"],
    "handler/exchanges/hosts.py": ["unit/test_hosts.py", "integration/test_depth_client.py"],
    "handler/options.py": ["unit/test_settings.py"],
    "handler/settings.py": ["unit/test_settings.py"],
    "handler/invocation.py": ["unit/test_invocation.py"],
    "handler/runner.py": ["unit/test_runner.py"],
    "handler/sinks.py": ["unit/test_sinks.py"],
    "handler/stores/bulk.py": ["unit/test_bulk.py"],
}
"""Module → its tests, below `tests/`."""

PAIRS: list[tuple[type[ast.AST], type[ast.AST]]] = [
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn)),
    *((ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div)),
]
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
            before = ast.unparse(shown)
            container[key] = replacement
            after = ast.unparse(parent if shown is parent else replacement)
            line = text.splitlines()[number - 1].strip()
            yield Mutation(module, number, line, f"{before} → {after}", ast.unparse(tree))
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
        case _:
            return [SWAPPED[type(node)]()] if type(node) in SWAPPED else []


def _copy(target: Path) -> Path:
    for name in ("handler", "infra", "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for file in filter(Path.is_file, ROOT.iterdir()):
        shutil.copy(file, target)
    return target


def _outcome(mutation: Mutation, copies: "SimpleQueue[Path]") -> str:
    copy = copies.get()
    tests = [f"tests/{name}" for name in OWN_TESTS[mutation.module]]
    command = [*LIMITED, sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    (copy / mutation.module).write_text(mutation.source, encoding="utf-8")
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        return "killed" if done.returncode else "SURVIVED"
    except subprocess.TimeoutExpired:
        return "killed by timeout"
    finally:
        shutil.copy(ROOT / mutation.module, copy / mutation.module)
        copies.put(copy)


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
    survivors: list[Mutation] = []
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(PROCESSES) as pool:
        for number in range(PROCESSES):
            copies.put(_copy(Path(directory, str(number))))
        outcomes = pool.map(lambda mutation: _outcome(mutation, copies), [*unchanged, *sample])
        for one, outcome in zip([*unchanged, *sample], outcomes, strict=True):
            if not one.change and outcome != "SURVIVED":
                sys.exit(f"{one.module}: {outcome} without a mutation")
            if one.change:
                survivors += [one] if outcome == "SURVIVED" else []
                print(f"{outcome} {one.module}:{one.number}: {one.change}", flush=True)
    print(f"{len(sample) - len(survivors)} of {len(sample)} killed: {1 - len(survivors) / len(sample):.1%}")
    return int(len(survivors) > 0.05 * len(sample))


if __name__ == "__main__":
    sys.exit(main())
