"""A progress bar for reading files that take long, on a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Any, Self, TypeVar

SHOW_AFTER_SECONDS = 2.0
"""Nothing is shown for work that ends sooner."""
UPDATE_EVERY_ITEMS = 1000

Item = TypeVar("Item")


class Progress:
    """A bar on stderr, if that is a terminal and `rich` is installed: the share of the files' bytes that was read."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._started_at = time.monotonic()
        self._bytes_of_read_files = 0
        self._items = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            with suppress(OSError):  # a terminal that is non-blocking and slow, or gone
                self._bar.stop()

    def watch(self, file: IO[bytes], items: Iterable[Item]) -> Iterator[Item]:
        """The items that are being read from a file, unchanged."""
        for item in items:
            self._items += 1
            if self._items % UPDATE_EVERY_ITEMS == 0:
                self._update(self._bytes_of_read_files + _position(file))
            yield item
        self._bytes_of_read_files += _position(file)

    def _update(self, bytes_read: int) -> None:
        if sys.stderr is None or not sys.stderr.isatty() or time.monotonic() - self._started_at < SHOW_AFTER_SECONDS:
            return
        if self._bar is None:
            self._start()
        if self._bar:
            self._bar.update(0, completed=bytes_read)

    def _start(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import Progress as Bar
        except ImportError:
            return
        self._bar = Bar(console=Console(stderr=True), transient=True)
        self._bar.add_task("loading", total=self._total_bytes or None)
        with suppress(OSError):
            self._bar.start()


def _position(file: IO[bytes]) -> int:
    return file.tell() if file.seekable() else 0
