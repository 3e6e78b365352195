"""The commands. Each module has `run(argv, environment, write)`, which returns an exit code or raises HandlerError."""

from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with."""

    OK = 0
    """Done, or interrupted."""
    FAILURE = 1
    USAGE = 2
    """Invalid request."""
    GAPS = 3
    """Slots are missing."""


Write = Callable[[str], object]
"""Takes one line of output, without its end, and writes it at once."""
