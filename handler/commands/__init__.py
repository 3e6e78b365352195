"""The commands. Each module has `run(argv, environment, write)`, which returns an exit code or raises HandlerError."""

from collections.abc import Callable

DONE, FAILED, WRONG, GAPS = 0, 1, 2, 3
"""Exit codes: done or interrupted; anything that went wrong; what the user asked for cannot be; slots are missing."""

Write = Callable[[str], object]
"""Takes one line of output, without its end, and does not hold it back."""
