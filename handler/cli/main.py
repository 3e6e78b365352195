"""The command line: chooses the command, and turns errors into a message on stderr and an exit code."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from ..errors import HandlerError, UsageError
from . import ExitCode
from .arguments import HelpRequested
from .streams import log_to_stderr, print_message, write_line

COMMANDS = ("history", "series", "report", "load")  # the first argument, if it is one of these; otherwise `sample`


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line; returns the exit code. Raises KeyboardInterrupt if interrupted."""
    log_to_stderr()
    try:
        return _run(argv, environment)
    except UsageError as error:
        return _fail(error, ExitCode.USAGE)
    except HandlerError as error:
        return _fail(error, ExitCode.FAILURE)
    except BrokenPipeError:
        return ExitCode.OK
    except OSError as error:
        return _fail(f"{error.filename or 'stdout'}: {error.strerror}", ExitCode.FAILURE)


def interrupted(argv: Sequence[str], signal_number: int) -> int:
    """The exit code after a signal: 128 + its number for a command that has an end, 0 for the sampler."""
    return 128 + signal_number if argv and argv[0] in COMMANDS else ExitCode.OK


def _run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    first = argv[0] if argv else ""
    name, arguments = (first, argv[1:]) if first in COMMANDS else ("sample", argv)
    if name == "sample" and first and not first.startswith("-"):
        raise UsageError(f"{first} is not a command: give {', '.join(COMMANDS)}, or flags such as --symbol BTC")
    run: Callable[..., int] = import_module(f".{name}", __package__).run
    try:
        return run(arguments, environment, write_line)
    except HelpRequested as request:
        write_line(request.text)
        return ExitCode.OK


def _fail(message: object, code: int) -> int:
    print_message(message)
    return code
