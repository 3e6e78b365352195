"""The commands. Each module has `run(argv, environment, write)`, which returns an exit code or raises HandlerError."""

from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process exits with."""

    OK = 0
    """Done or interrupted."""
    FAILURE = 1
    USAGE = 2
    """Invalid request."""
    GAPS = 3
    """Slots are missing."""


Write = Callable[[str], object]
"""Writes one line of output at once; takes it without the line end."""
