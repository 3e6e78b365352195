"""What this process holds, as the kernel tells it, and whether that grows."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

WARM = 0.25
"""The share of the ticks after which nothing may grow any more: caches and pools are full by then."""
MOST_MB = 2.0


@dataclass(frozen=True, slots=True)
class Size:
    """What the process holds: resident memory in MB, threads, file descriptors, sockets among them."""

    megabytes: float
    threads: int
    descriptors: int
    sockets: int


def size() -> Size:
    """Ask the kernel."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    sockets = sum(link.startswith("socket:") for link in links)
    return Size(pages * os.sysconf("SC_PAGESIZE") / 2**20, threading.active_count(), len(links), sockets)


def growth(sizes: list[Size]) -> dict[str, float]:
    """From the first tenth after warming up to the last: the means' difference of memory, the most of the rest."""
    warm = sizes[int(len(sizes) * WARM) :]
    tenth = max(len(warm) // 10, 1)
    first, last = warm[:tenth], warm[-tenth:]
    grown = {"megabytes": sum(one.megabytes for one in last) / tenth - sum(one.megabytes for one in first) / tenth}
    for name in ("threads", "descriptors", "sockets"):
        grown[name] = max(getattr(one, name) for one in last) - max(getattr(one, name) for one in warm[:-tenth])
    return {name: round(value, 2) + 0.0 for name, value in grown.items()}


def flat(found: dict[str, float]) -> bool:
    """Whether nothing grew."""
    return found["megabytes"] < MOST_MB and max(found[name] for name in ("threads", "descriptors", "sockets")) <= 0
