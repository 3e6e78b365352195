"""`python -m infra.chaos.patched_program CLOCK_STEPS NO_THREADS FLAG …`: the program, in a worse environment.

CLOCK_STEPS such as `5:+90,9:-45`: after so many seconds the wall clock steps by so much, as an administrator or NTP
does; the monotonic clock goes on. NO_THREADS such as `store:4`: for 4 s from the first thread on, none with `store` in
its name can be started, as at a limit of threads; the real limit, RLIMIT_NPROC, does not bind root. `-` for none.
"""

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
    name, seconds = text.split(":")
    start_thread = threading.Thread.start
    attempts: list[float] = []

    def start_or_fail(thread: threading.Thread) -> None:
        attempts.append(time.monotonic())
        if name in thread.name and attempts[-1] - attempts[0] < float(seconds):
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
