"""The command line: which command, exit codes, and what goes to stdout and what to stderr."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from handler.commands import DONE, FAILED, WRONG
from handler.errors import HandlerError, UsageError
from handler.flags import HelpRequested
from handler.secret_values import hide_credentials
from handler.streams import log_to_stderr, print_message, write_line

COMMANDS = ("history", "load")
"""Words that name a command as the first argument; without one it is `sample`."""


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line; returns the exit code. Only KeyboardInterrupt passes through."""
    hide_credentials(environment, argv)
    log_to_stderr()
    try:
        return _run(argv, environment)
    except UsageError as error:
        return _fail(error, WRONG)
    except HandlerError as error:
        return _fail(error, FAILED)
    except BrokenPipeError:
        return DONE
    except OSError as error:
        return _fail(f"{error.filename or 'stdout'}: {error.strerror}", FAILED)


def _run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    name, rest = (argv[0], argv[1:]) if argv and argv[0] in COMMANDS else ("sample", argv)
    run: Callable[..., int] = import_module(f"handler.commands.{name}").run
    try:
        return run(rest, environment, write_line)
    except HelpRequested as request:
        write_line(request.text)
        return DONE


def _fail(what: object, code: int) -> int:
    print_message(what)
    return code
