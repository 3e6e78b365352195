"""A process with a share of one CPU, as Lambda gives it: a cgroup's quota or, without one, stopped most of the time."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PERIOD_SECONDS = 0.02
_CGROUP = Path("/sys/fs/cgroup/cpu")  # of version 1, which root may write to


@contextmanager
def limited(pid: int, share: float) -> Iterator[str]:
    """Limit a running process to a share of one CPU until the end of `with`. Yields the way in words."""
    group = _CGROUP / f"bench-{pid}"
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(f"{PERIOD_SECONDS * 1e6:.0f}")
        (group / "cpu.cfs_quota_us").write_text(f"{PERIOD_SECONDS * 1e6 * share:.0f}")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        with _stopped_most_of_the_time(pid, share):
            yield "SIGSTOP"
    else:
        yield "a quota of a cgroup"
    finally:
        with suppress(OSError):  # there is none
            (_CGROUP / "cgroup.procs").write_text(str(pid))
            group.rmdir()


@contextmanager
def _stopped_most_of_the_time(pid: int, share: float) -> Iterator[None]:
    """Also while it waits for the network, which a quota does not count: this is slower than Lambda."""
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
