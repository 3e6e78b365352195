"""`python -m infra.bench [--only warm,…] [--quick]`: measure, and write docs/benchmarks.md."""

import argparse
import os
import platform
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.bench import picture, reading, sampling
from infra.bench.processes import OTHERS_PYTHON, ROOT, Bench, Row

PARTS = {
    part.__name__: part
    for part in (
        *(sampling.warm, sampling.full, sampling.put, sampling.cold, sampling.sweep),
        *(reading.reading, reading.many, reading.load, reading.archive),
    )
}
BEGIN, END = "<!-- written by make bench -->\n", "<!-- end -->\n"


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
    curves: picture.Curves = {}
    for name in names:
        with TemporaryDirectory(prefix="bench-") as folder:
            for row in PARTS[name](Bench(options.quick, Path(folder), curves)):
                print(cell(row), flush=True)
                rows.append(row)
    if names == list(PARTS) and not options.quick:
        picture.draw(curves, ROOT / "docs/benchmarks.png")
        write_page(ROOT / "docs/benchmarks.md", rows)
    return 0


def cell(row: Row) -> str:
    """One line of the table."""
    met = row.target is None or (row.value >= row.target if row.is_minimum else row.value <= row.target)
    target = "" if row.target is None else f"{'≥' if row.is_minimum else '≤'} {row.target:g}"
    value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:.3g}"
    return f"| {row.what} | {value} {row.unit} | {target}{'' if met else ', missed'} |"


def write_page(path: Path, rows: Iterable[Row]) -> None:
    """Replace the table and the name of the machine in the page; what stands around them is written by hand."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{os.cpu_count()} CPUs ({model[1] if model else platform.machine()}), Python {platform.python_version()}"
    written = f"{datetime.now(UTC):%Y-%m-%d}, {machine}:\n\n| | measured | target |\n|---|---:|---|\n"
    written += "".join(f"{cell(row)}\n" for row in rows)
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    path.write_text(f"{before}{BEGIN}{written}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
