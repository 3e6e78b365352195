"""A contender that keeps running: it reads commands from stdin, and responds with what each took."""

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any


def serve(contender: Any) -> None:
    """Run commands until stdin ends. Record lines go to /dev/null, one write each, as to a pipe."""
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        for text in sys.stdin:
            print(json.dumps(_measured(contender, json.loads(text), sink)), flush=True)


def _measured(contender: Any, command: dict[str, Any], sink: Any) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    lines = _run_command(contender, command, sink)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    records = [json.loads(line) for line in lines]
    obi = sum(float(record["obi"]) for record in records)
    skew = _skew_seconds([record["received_at"] for record in records if "received_at" in record])
    return {"cpu": cpu, "wall": wall, "lines": len(lines), "obi": obi, "peak_mb": _peak_mb(), "skew": skew}


def _skew_seconds(received_at: Sequence[str]) -> float:
    """From the first to the last of such times; 0 where there are none."""
    times = [datetime.fromisoformat(text).timestamp() for text in received_at]
    return max(times) - min(times) if times else 0.0


def _peak_mb() -> float:
    """The peak memory of this process. getrusage would include the parent's at the time of the start."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def _run_command(contender: Any, command: dict[str, Any], sink: Any) -> list[str]:
    lines: list[str]
    if hasattr(contender, "run_command"):  # it prints and stores by itself
        lines = contender.run_command(**command)
        return lines
    if "symbols" in command:
        lines = contender.sweep(command["symbols"], command["levels"])
    else:
        lines = contender.samples(command["symbol"], command["levels"], command["count"])
    for text in lines:
        print(text, file=sink, flush=True)
    return lines
