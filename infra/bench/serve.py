"""A contender that stays: it reads commands from stdin, obeys, and answers what that took."""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from infra.bench.contender import Contender, obi


def serve(contender: Contender) -> None:
    """Obey until stdin ends. Record lines go to /dev/null, one write each, as a pipe would take them."""
    with open(os.devnull, "w", encoding="utf-8") as sink:  # noqa: PTH123
        for text in sys.stdin:
            print(json.dumps(_measured(contender, json.loads(text), sink)), flush=True)


def _measured(contender: Contender, command: dict[str, Any], sink: Any) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    lines = _obey(contender, command, sink)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"cpu": cpu, "wall": wall, "lines": len(lines), "obi": sum(map(obi, lines)), "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """The most memory ever held. getrusage would count what the parent held when it started this process, too."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def _obey(contender: Contender, command: dict[str, Any], sink: Any) -> list[str]:
    own: Any = getattr(contender, "obey", None)
    if own is not None:  # it prints and stores by itself
        lines: list[str] = own(**command)
        return lines
    if "symbols" in command:
        lines = contender.sweep(command["symbols"], command["levels"])
    else:
        lines = contender.samples(command["symbol"], command["levels"], command["count"])
    for text in lines:
        print(text, file=sink, flush=True)
    if command["store"]:
        _store(lines, at_once="symbols" in command)
    return lines


_stores: list[Any] = []


def _store(lines: list[str], *, at_once: bool) -> None:
    if not _stores:
        from infra.bench.store import Store

        _stores.append(Store())
    (_stores[0].put_at_once if at_once else _stores[0].put)(lines)
