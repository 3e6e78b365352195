"""Interrupting work that must not lose what it has read."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupts:
    """Notes a signal that ends the program; raises KeyboardInterrupt only where that was allowed."""

    def __init__(self) -> None:
        self.requested = False
        self._may_raise = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Until the end, note the signals that end this process by an exception; the others stay as they are."""
        numbers = [number for number in _STOPPING if callable(signal.getsignal(number))]
        if threading.current_thread() is not threading.main_thread():
            numbers = []  # only the main thread can handle them
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Until the end, raise KeyboardInterrupt at the first signal."""
        try:
            self._may_raise = True
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._may_raise = False

    def _note(self, *_: object) -> None:
        is_first, self.requested = not self.requested, True
        if self._may_raise and is_first:
            raise KeyboardInterrupt
