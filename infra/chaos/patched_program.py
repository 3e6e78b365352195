"""`python -m infra.chaos.patched_program CLOCK_STEPS NO_THREADS FLAG …`: the program, in a worse environment.

CLOCK_STEPS such as `5:+90,9:-45`: after so many seconds the wall clock steps by so much, as an administrator or NTP
does; the monotonic clock goes on. NO_THREADS such as `0.7:4`: for 4 s from the first one on, the start of a thread
fails with probability 0.7, as it does at a limit of threads; RLIMIT_NPROC itself would not bind root. `-` for none.
"""

import random
import runpy
import sys
import threading
import time

NONE = "-"


def set_clock_steps(text: str) -> None:
    """Replace the wall clock by one with steps."""
    wall, start = time.time, time.monotonic()
    steps = [(float(after), float(step)) for after, step in (part.split(":") for part in text.split(","))]
    time.time = lambda: wall() + sum(step for after, step in steps if time.monotonic() - start >= after)


def limit_threads(text: str) -> None:
    """Make the start of threads fail as CPython does where the system allows no more."""
    probability, seconds = map(float, text.split(":"))
    start_thread, draw = threading.Thread.start, random.Random(0)
    attempts: list[float] = []

    def start_or_fail(thread: threading.Thread) -> None:
        attempts.append(time.monotonic())
        if attempts[-1] - attempts[0] < seconds and draw.random() < probability:
            raise RuntimeError("can't start new thread")
        start_thread(thread)

    setattr(threading.Thread, "start", start_or_fail)  # noqa: B010 - mypy rejects the assignment


def main() -> None:
    """Take the first two arguments, and run `python -m handler` with the rest."""
    clock_steps, no_threads = sys.argv.pop(1), sys.argv.pop(1)
    if clock_steps != NONE:
        set_clock_steps(clock_steps)
    if no_threads != NONE:
        limit_threads(no_threads)
    runpy.run_module("handler", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
