"""The soak: 400 pairs of both markets, faults, and a process that must not grow."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from infra.chaos.reconcile import Result, key_of, parse
from infra.chaos.stage import Stage, lines_in
from infra.fake_exchange.faults import TRANSIENT

MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""Settings of glibc with which it returns large buffers at once, instead of keeping megabytes now and then."""
FULL_SECONDS = 300
MAX_GROWTH_MB = 8.0
MAX_GROWTH_PER_PAIR = 0.05  # of threads and descriptors; where they were level, the means differed by 0.01 at most
EXCLUDED = ("html403", "429", "429-date", "429-epoch")
"""Faults with a long cooldown, which would be all that is seen."""


_Size = tuple[float, int, int]  # megabytes, threads, descriptors


def soak(stage: Stage) -> Result:
    """Run 400 pairs every 10 s, or 40 every second if there are less than five minutes."""
    count, interval = (200, 10) if stage.seconds >= FULL_SECONDS else (20, 1)
    symbols = [f"S{number:03}USDT" for number in range(count)]
    pairs = [*symbols, *(f"usdm:{symbol}" for symbol in symbols)]
    faults = [name for name in TRANSIENT if name not in EXCLUDED]
    stage.start_exchange(symbols=symbols, fault_rate=0.03, faults=faults, keep_requests=0)
    program = stage.start_runner("--limit", "20", "--interval_seconds", str(interval), pairs=pairs, **MALLOC)
    program.wait_for_output()
    sizes, end = [], time.monotonic() + stage.seconds
    while time.monotonic() < end and program.process.poll() is None:
        sizes.append(_size(program.process.pid))
        time.sleep(min(interval, end - time.monotonic()))
    if code := program.end():
        stage.problems.append(f"exit code {code}: {program.stderr.read_text()[-300:]}")
    return _account(stage, pairs, interval, sizes)


def _account(stage: Stage, pairs: Sequence[str], interval: int, sizes: Sequence[_Size]) -> Result:
    """Every pair has a measurement or a reason in each slot, once, and nothing grew."""
    records = [parse(line) for line in lines_in(sorted(stage.records_folder.glob("*.jsonl")))]
    keys = Counter(key_of(record) for record in records)
    slots = sorted({slot for _, slot in keys})
    complete = range(slots[0], slots[-1], interval) if slots else range(0)  # the last slot may have been interrupted
    missing = [(pair, slot) for slot in complete for pair in pairs if (pair, slot) not in keys]
    problems = [f"{len(missing)} slots have neither a measurement nor a reason: {missing[:3]}"] if missing else []
    problems += [f"{key} is stored {number} times" for key, number in keys.items() if number > 1][:3]
    quarter = max(len(sizes) // 4, 1)
    # Means, since the number of requests under way varies from one look to the next; the first quarter is the start.
    last, first = sizes[-quarter:], sizes[quarter : 2 * quarter] or sizes
    megabytes, threads, descriptors = (
        fmean(after) - fmean(before)
        for after, before in zip(zip(*last, strict=True), zip(*first, strict=True), strict=True)
    )
    if megabytes > MAX_GROWTH_MB or max(threads, descriptors) > len(pairs) * MAX_GROWTH_PER_PAIR:
        problems.append(f"it grew: {megabytes:+.1f} MB, {threads:+.1f} threads, {descriptors:+.1f} descriptors")
    reasons = Counter(record["reason"] for record in records if "reason" in record)
    return Result(
        measured=len(records) - reasons.total(),
        reasons=reasons,
        problems=[f"soak: {problem}" for problem in (*stage.problems, *problems)],
        note=f"{len(pairs)} pairs, {len(slots)} slots of {interval} s; {sizes[-1][0]:.0f} MB ({megabytes:+.1f}),"
        f" {sizes[-1][1]} threads ({threads:+.1f}), {sizes[-1][2]} descriptors ({descriptors:+.1f})",
    )


def _size(pid: int) -> _Size:
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    threads = len(list((process / "task").iterdir()))
    return pages * os.sysconf("SC_PAGESIZE") / 2**20, threads, len(list((process / "fd").iterdir()))
