"""The commands. Each module has `run(argv, environment, write)`, which returns an exit code or raises HandlerError."""

from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; a signal that interrupts a command with an end makes it 128 + its number."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    GAPS = 3


Write = Callable[[str], object]  # writes one or more lines at once; takes them without the last line end
