"""Standard output and standard error: whole lines, to readers that may be slow, and only safe text on stderr."""

import errno
import logging
import os
import stat
import sys
import threading
import time
import traceback
from contextlib import suppress
from select import select

from ..messages import escaped, redacted, safe_message, safe_text

STDOUT, STDERR = 1, 2


def write_line(line: str, stream: int = STDOUT) -> None:
    """Write a line at once, waiting for a slow reader. Raises OSError."""
    data = f"{line}\n".encode()
    while data:  # one write per line: a pipe takes up to 4096 bytes atomically
        try:
            data = data[os.write(stream, data) :]
        except BlockingIOError:  # a process that shares the pipe, such as Node.js, made it non-blocking
            select([], [stream], [])


def check_stdout() -> None:
    """Raise OSError if standard output is a file that was deleted: a log rotation, for example."""
    status = os.fstat(STDOUT)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
        raise OSError(errno.ENOENT, "the file was deleted or replaced while this program wrote into it")


def print_message(text: object) -> None:
    """Print one safe line on stderr, marked as this program's own."""
    _write_stderr(f"obi: {safe_text(text)}")


def log_to_stderr() -> None:
    """Send the log to stderr, one safe line per record."""
    handler = _StderrHandler()
    handler.setFormatter(_Formatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def guard_stderr() -> None:
    """Make safe what Python itself writes to stderr: warnings, and errors of threads."""
    logging.captureWarnings(True)
    threading.excepthook = lambda caught: print_traceback(caught.exc_value)
    sys.unraisablehook = lambda caught: print_traceback(caught.exc_value)


def print_traceback(error: BaseException | None) -> None:
    """Print the traceback of an unexpected error, in safe lines."""
    if error is not None:
        for line in redacted("".join(traceback.format_exception(error))).splitlines():
            _write_stderr(escaped(line))


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write_stderr(self.format(record))


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        return f"{when} {record.levelname} {safe_message(record)}"


def _write_stderr(line: str) -> None:
    with suppress(OSError):  # a closed terminal or a full disk: the run continues without messages
        write_line(line, STDERR)
