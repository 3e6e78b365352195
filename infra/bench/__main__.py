"""`python -m infra.bench [--only warm,…] [--quick]`: measure, and write docs/benchmarks.md."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.bench import reading, sampling
from infra.bench.processes import OTHERS_PYTHON, ROOT
from infra.bench.report import Bench, Curves, Row, cell, draw, write_page

PARTS = {
    part.__name__: part
    for part in (
        *(sampling.warm, sampling.full, sampling.put, sampling.cold, sampling.sweep),
        *(reading.reading, reading.many, reading.load, reading.archive),
    )
}


def main() -> int:
    """Measure this project beside what people would use instead. Only a whole run writes docs/benchmarks.md."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=main.__doc__)
    parser.add_argument("--only", metavar="PART,…", default=",".join(PARTS), help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="one round and less data: shows that it works")
    options = parser.parse_args()
    names = options.only.replace(",", " ").split()
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"no part is called {unknown[0]}: choose from {', '.join(PARTS)}")
    if "warm" in names and not OTHERS_PYTHON.exists():
        parser.error(f"{OTHERS_PYTHON} is missing: make bench installs the other clients there")
    rows: list[Row] = []
    curves: Curves = {}
    for name in names:
        with TemporaryDirectory(prefix="bench-") as folder:
            for row in PARTS[name](Bench(options.quick, Path(folder), curves)):
                print(cell(row), flush=True)
                rows.append(row)
    if names == list(PARTS) and not options.quick:
        draw(curves, ROOT / "docs/benchmarks.png")
        write_page(ROOT / "docs/benchmarks.md", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
