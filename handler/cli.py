"""The command line: which command, exit codes, and what goes to stdout and what to stderr."""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from handler.commands import DONE, FAILED, WRONG
from handler.errors import HandlerError, UsageError

COMMANDS = ("history", "load")
"""Words that name a command as the first argument; without one it is `sample`."""

STDOUT = 1


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line; returns the exit code. Only KeyboardInterrupt passes through."""
    _log_to_stderr()
    try:
        run, rest = _command(argv)
        return run(rest, environment, _write_line)
    except UsageError as error:
        return _tell(error, WRONG)
    except HandlerError as error:
        return _tell(error, FAILED)
    except SystemExit:  # --help and --version
        return DONE
    except BrokenPipeError:
        return DONE
    except OSError as error:
        return _tell(f"{error.filename or 'stdout'}: {error.strerror}", FAILED)


def _command(argv: Sequence[str]) -> tuple[Callable[..., int], Sequence[str]]:
    name, rest = (argv[0], argv[1:]) if argv and argv[0] in COMMANDS else ("sample", argv)
    run: Callable[..., int] = import_module(f"handler.commands.{name}").run
    return run, rest


def _write_line(line: str) -> None:
    data = f"{line}\n".encode()
    while data:  # one write a line: a pipe takes up to 4096 bytes whole or not at all
        data = data[os.write(STDOUT, data) :]


def _tell(what: object, code: int) -> int:
    if sys.stderr is not None:  # print would take stdout instead
        print("handler:", *str(what).split(), file=sys.stderr)  # one line, whatever the user typed
    return code


def _log_to_stderr() -> None:
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
