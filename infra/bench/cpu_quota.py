"""A process with less than one CPU, as Lambda gives it: a cgroup's quota or, without one, stopped most of the time."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PERIOD_SECONDS = 0.02
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def limited(pid: int, share: float) -> Iterator[str]:
    """Limit a running process to a share of one CPU until the end of `with`. Yields the way in words."""
    version = 1 if (_V1 / "cpu.cfs_quota_us").exists() else 2
    root = _V1 if version == 1 else _V2
    group = root / f"bench-{pid}"
    try:
        group.mkdir()
        _set_quota(group, version, round(PERIOD_SECONDS * 1e6), round(PERIOD_SECONDS * share * 1e6))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError:  # not allowed, or no controller for the CPU here
        with suppress(OSError):
            group.rmdir()
        with _stopped_most_of_the_time(pid, share):
            yield "SIGSTOP"
        return
    try:
        yield "quota of a cgroup"
    finally:
        (root / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def _set_quota(group: Path, version: int, period: int, quota: int) -> None:
    """Both in microseconds."""
    if version == 1:
        (group / "cpu.cfs_period_us").write_text(str(period))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (group / "cpu.max").write_text(f"{quota} {period}")


@contextmanager
def _stopped_most_of_the_time(pid: int, share: float) -> Iterator[None]:
    """Also while it waits for the network, which a quota does not count: so this is slower than Lambda."""
    ended = threading.Event()

    def alternate() -> None:
        while not ended.wait(PERIOD_SECONDS * share):
            os.kill(pid, signal.SIGSTOP)
            ended.wait(PERIOD_SECONDS * (1 - share))
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=alternate)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
