"""`python -m infra.bench [--only warm …] [--quick]`: measure, and write docs/benchmarks.md."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.bench import reading, sampling
from infra.bench.processes import OTHERS_PYTHON, ROOT
from infra.bench.report import Bench, Row, cell, draw, page

ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    measured.__name__: measured
    for measured in (
        *(sampling.warm, sampling.full, sampling.put, sampling.cold, sampling.sweep),
        *(reading.reading, reading.load, reading.archive),
    )
}


def main() -> int:
    """Measure this project beside what people would use instead. Only a whole run writes docs/benchmarks.md."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=main.__doc__)
    parser.add_argument("--only", metavar="ROW,…", default=",".join(ROWS), help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="one round and less data: shows that it works")
    options = parser.parse_args()
    names = options.only.replace(",", " ").split()
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no row is called {unknown[0]}: choose from {', '.join(ROWS)}")
    if "warm" in names and not OTHERS_PYTHON.exists():
        parser.error(f"{OTHERS_PYTHON.relative_to(ROOT)} is missing: make bench installs the other clients there")
    rows: list[Row] = []
    curves: dict[str, dict[int, float]] = {}
    for name in names:
        with TemporaryDirectory(prefix="bench-") as folder:
            for row in ROWS[name](Bench(options.quick, Path(folder), curves)):
                print(cell(row), flush=True)
                rows.append(row)
    if names == list(ROWS) and not options.quick:
        draw(curves, ROOT / "docs/benchmarks.png")
        (ROOT / "docs/benchmarks.md").write_text(page(rows, has_picture=True), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
