"""`python -m infra.chaos.stepped 5:+90,9:-45 FLAG …`: the program under a wall clock that is set while it runs.

After so many seconds the wall clock steps by so much, as an administrator or NTP does; the monotonic clock goes on.
"""

import runpy
import sys
import time
from collections.abc import Callable


def stepping(steps: list[tuple[float, float]]) -> Callable[[], float]:
    """The wall clock, with steps: (seconds from now, step in seconds)."""
    wall, start = time.time, time.monotonic()
    return lambda: wall() + sum(step for after, step in steps if time.monotonic() - start >= after)


def main() -> None:
    """Take the first argument, and run `python -m handler` with the rest."""
    pairs = (word.split(":") for word in sys.argv.pop(1).split(","))
    time.time = stepping([(float(after), float(step)) for after, step in pairs])
    runpy.run_module("handler", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
