"""How far reading has come, on a terminal, once it takes long."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Any, Self

PATIENCE_SECONDS = 2.0
"""How long nothing is shown."""
EVERY_LINES = 1000


class Progress:
    """A bar on stderr, if that is a terminal and `rich` is installed: the share of the files' bytes that is read."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._since = time.monotonic()
        self._read = 0
        """Bytes of the files that are done."""
        self._lines = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            with suppress(OSError):  # a terminal that is non-blocking and slow, or gone
                self._bar.stop()

    def watch(self, file: IO[bytes], lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of a file, each noted as it is read."""
        for line in lines:
            self._lines += 1
            if not self._lines % EVERY_LINES:
                self._update(self._read + _position(file))
            yield line
        self._read += _position(file)

    def _update(self, read: int) -> None:
        if sys.stderr is None or not sys.stderr.isatty() or time.monotonic() - self._since < PATIENCE_SECONDS:
            return
        if self._bar is None:
            self._start()
        if self._bar:
            self._bar.update(0, completed=read)

    def _start(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import Progress as Bar
        except ImportError:
            return
        self._bar = Bar(console=Console(stderr=True), transient=True)
        self._bar.add_task("loading", total=self._total or None)
        with suppress(OSError):
            self._bar.start()


def _position(file: IO[bytes]) -> int:
    return file.tell() if file.seekable() else 0
