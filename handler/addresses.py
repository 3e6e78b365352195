"""A connection to whichever address of a host answers, in a time that holds for name lookups too."""

import socket
from concurrent.futures import Future
from itertools import zip_longest
from threading import Lock, Thread
from time import monotonic
from typing import Any

from urllib3.util.connection import create_connection

FRESH_SECONDS = 30.0
"""How long what was looked up is used again: the try that it came too late for is followed by another soon."""

_SHORTEST_SECONDS = 0.001


def connect(host: str, port: int, seconds: float, **options: Any) -> socket.socket:
    """Open a connection; its timeout is what it leaves of `seconds`. `options` are urllib3's. Raises OSError.

    Each address has half of the time that is left, and the last all of it, so that dead ones do not hide a good one.
    """
    deadline = monotonic() + seconds
    addresses = look_up(host, port, seconds)
    for number, address in enumerate(addresses, 1):
        is_last = number == len(addresses)
        left = max(deadline - monotonic(), _SHORTEST_SECONDS)
        try:
            sock = create_connection((address, port), left if is_last else left / 2, **options)
        except OSError:
            if is_last:
                raise
        else:
            sock.settimeout(max(deadline - monotonic(), _SHORTEST_SECONDS))
            return sock
    raise OSError(f"{host} has no address")


def look_up(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host. Raises OSError, and TimeoutError after so many seconds.

    The system's resolver knows no timeout of ours, and may take a minute. So it is asked in a thread, once at a time
    for each host: who comes while it is still looking, or soon after, has the same answer.
    """
    with _lock:
        lookup = _lookups.get((host, port))
        if lookup is None or lookup.is_over:
            lookup = _lookups[host, port] = _Lookup(host, port)
    try:
        return lookup.answer.result(seconds)
    except TimeoutError:
        raise TimeoutError("the name lookup timed out") from None


class _Lookup:
    def __init__(self, host: str, port: int) -> None:
        self.answer: Future[list[str]] = Future()
        self._fresh_until = float("inf")
        Thread(target=self._look_up, args=(host, port), name="lookup", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """A lookup that failed is over at once."""
        failed = self.answer.done() and self.answer.exception() is not None
        return failed or monotonic() >= self._fresh_until

    def _look_up(self, host: str, port: int) -> None:
        try:
            addresses = _addresses(host, port)
            self._fresh_until = monotonic() + FRESH_SECONDS
            self.answer.set_result(addresses)
        except Exception as error:
            self.answer.set_exception(error)


_lock = Lock()
_lookups: dict[tuple[str, int], _Lookup] = {}


def _addresses(host: str, port: int) -> list[str]:
    """Of one family and the other by turns (RFC 8305, section 4), since a whole family may be out of reach."""
    found = dict.fromkeys(
        (family, address[0]) for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    first, _ = next(iter(found))
    families = ([str(ip) for family, ip in found if (family == first) is same] for same in (True, False))
    return [ip for pair in zip_longest(*families) for ip in pair if ip]
