"""Standard output and standard error: whole lines, to readers that may be slow, and only safe text on stderr."""

import errno
import logging
import os
import stat
import sys
import threading
import traceback
from contextlib import suppress
from select import select

from ..messages import safe_message, safe_text
from ..slots import format_timestamp

STDOUT, STDERR = 1, 2
MAX_STALL_SECONDS = 5.0  # how long a message waits for the reader of stderr; the next ones are lost until it reads
PIPE_BYTES = 4096  # a pipe that select() reports as writable takes this many bytes at once
_is_stalled = threading.Event()


def write_line(line: str) -> None:
    """Write one or more lines to stdout at once, waiting for a slow reader. Raises OSError."""
    data = f"{line}\n".encode()
    while data:  # one write for a record: a pipe takes up to 4096 bytes atomically
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


def guard_stderr() -> None:
    """Make safe what is written to stderr: the log, one line per record, warnings, and errors of threads."""
    logging.basicConfig(handlers=[_StderrHandler()], level=logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = lambda caught: print_traceback(caught.exc_value)
    sys.unraisablehook = lambda caught: print_traceback(caught.exc_value)


def print_traceback(error: BaseException | None) -> None:
    """Print the traceback of an unexpected error, in safe lines."""
    if error is not None:
        for line in "".join(traceback.format_exception(error)).splitlines():
            _write_stderr(safe_text(line))


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write_stderr(f"{format_timestamp(record.created)} {record.levelname} {safe_message(record)}")
        if record.exc_info and record.levelno >= logging.ERROR:  # libraries warn with tracebacks of what they handle
            print_traceback(record.exc_info[1])


def _write_stderr(line: str) -> None:
    data = f"{line}\n".encode()
    with suppress(OSError):  # a closed terminal or a full disk: the run continues without messages
        for start in range(0, len(data), PIPE_BYTES):
            if not select([], [STDERR], [], 0 if _is_stalled.is_set() else MAX_STALL_SECONDS)[1]:
                _is_stalled.set()
                return
            _is_stalled.clear()
            os.write(STDERR, data[start : start + PIPE_BYTES])
