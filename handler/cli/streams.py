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
MAX_STALL_SECONDS = 5.0  # how long a message waits for the reader of stderr; after that none does until it reads again
PIPE_BYTES = 4096  # so much can be written at once to a pipe that has room


def write_line(line: str) -> None:
    """Write a line to stdout at once, waiting for a slow reader. Raises OSError."""
    data = f"{line}\n".encode()
    while data:  # one write per line: a pipe takes up to 4096 bytes atomically
        try:
            data = data[os.write(STDOUT, data) :]
        except BlockingIOError:  # a process that shares the pipe, such as Node.js, made it non-blocking
            select([], [STDOUT], [])


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
        if record.exc_info and record.levelno >= logging.ERROR:  # libraries warn with tracebacks of what they handle
            print_traceback(record.exc_info[1])


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        return f"{when} {record.levelname} {safe_message(record)}"


class _Stderr:
    is_stalled = False

    def write(self, data: bytes) -> None:
        """Write as much as its reader takes. Raises OSError."""
        for start in range(0, len(data), PIPE_BYTES):
            self.is_stalled = not _has_room(0 if self.is_stalled else MAX_STALL_SECONDS)
            if self.is_stalled:
                return
            os.write(STDERR, data[start : start + PIPE_BYTES])


_stderr = _Stderr()


def _has_room(seconds: float) -> bool:
    try:
        return bool(select([], [STDERR], [], seconds)[1])
    except OSError:  # not a POSIX system
        return True


def _write_stderr(line: str) -> None:
    with suppress(OSError):  # a closed terminal or a full disk: the run continues without messages
        _stderr.write(f"{line}\n".encode())
