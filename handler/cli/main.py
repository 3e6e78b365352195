"""The command line: chooses the command, and turns errors into a message on stderr and an exit code."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module

from ..errors import HandlerError, UsageError
from . import ExitCode
from .streams import print_message, print_traceback, write_line

COMMANDS = ("history", "series", "report", "load")  # the first argument, if it is one of these; otherwise `sample`


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line; returns the exit code. Raises KeyboardInterrupt if interrupted."""
    try:
        return _run(argv, environment)
    except HandlerError as error:
        print_message(error)
        return ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.FAILURE
    except BrokenPipeError:
        return ExitCode.OK
    except OSError as error:
        print_message(f"{error.filename or 'stdout'}: {error.strerror}")
        return ExitCode.FAILURE
    except Exception as error:
        print_traceback(error)
        return ExitCode.FAILURE


def _run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    name, arguments = "sample", argv
    if argv and argv[0] in COMMANDS:
        name, arguments = argv[0], argv[1:]
    elif argv and not argv[0].startswith("-"):
        raise UsageError(f"{argv[0]} is not a command: give {', '.join(COMMANDS)}, or flags such as --symbol BTC")
    try:
        code: int = import_module(f".{name}", __package__).run(arguments, environment, write_line)
    except SystemExit:  # --help or --version
        print(end="", flush=True)
        code = ExitCode.OK
    return code
