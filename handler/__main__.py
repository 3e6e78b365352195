"""The entry point, `python -m handler`."""

import os
import signal
import sys

from handler import garbage


def interrupt(*_: object) -> None:
    """End, at the first signal only: another must not cut short what is still to be told."""
    for name in STOPPING:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


STOPPING = (signal.SIGINT, signal.SIGTERM)
garbage.hold()
for name in STOPPING:  # SIGINT too: a script's background jobs start with it ignored
    signal.signal(name, interrupt)
while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:  # a standard stream is closed: no socket may take its number
    pass
os.close(spare)
try:
    from handler.cli import main

    code = main(sys.argv[1:])
    if sys.stdout is not None:
        sys.stdout.flush()
except KeyboardInterrupt:
    code = 0
os._exit(code)  # every line is out; a fetch under way need not be waited for, nor the interpreter be taken apart
