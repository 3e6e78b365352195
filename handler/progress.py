"""How far reading has come, on a terminal, once it takes long."""

import sys
import time
from collections.abc import Sequence
from os import fstat
from typing import IO, Any, Self

PATIENCE_SECONDS = 2.0
"""How long nothing is shown."""
EVERY_LINES = 1000


class Progress:
    """A bar on stderr, if that is a terminal and `rich` is installed: the share of the files' bytes that is read."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._files = files
        self._since = time.monotonic()
        self._lines = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self) -> None:
        """Note one more line."""
        self._lines += 1
        if self._lines % EVERY_LINES or not sys.stderr.isatty() or time.monotonic() - self._since < PATIENCE_SECONDS:
            return
        if self._bar is None:
            self._start()
        if self._bar:
            self._bar.update(0, completed=sum(file.tell() for file in self._files if file.seekable()))

    def _start(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import Progress as Bar
        except ImportError:
            return
        sizes = [fstat(file.fileno()).st_size for file in self._files if file.seekable()]
        self._bar = Bar(console=Console(stderr=True), transient=True)
        self._bar.add_task("loading", total=sum(sizes) or None)
        self._bar.start()
