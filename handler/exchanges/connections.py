"""What urllib3's connections lack: a total timeout, interim responses, and certainty that a response is the right one.

All of it goes through `connect`, `getresponse` and `response_class` of `http.client.HTTPConnection`.
"""

import io
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

MAX_ADDRESS_SECONDS = 3.0
"""How long one address of a host is tried, so that a dead one leaves time for the next."""
MAX_CONNECTING = 32
MIN_READ_SECONDS = 0.001

_BROKEN = (ConnectionError, ssl.SSLEOFError)
executor = ThreadPoolExecutor(MAX_CONNECTING, thread_name_prefix="connect")
"""Threads that connect, since nothing can interrupt a name lookup."""


class StaleConnection(ConnectionResetError):
    """The host closed a kept connection before it had read the request."""


class _Connection:
    """Mixed into urllib3's connections, to which `super()` refers."""

    timeout: Any
    reader: "_ResponseReader"
    _responses = 0

    def connect(self) -> None:
        """Connect within the timeout. By itself it bounds neither the name lookup nor the sum over all addresses."""
        self._responses = 0
        seconds = self.timeout
        self.timeout = min(seconds / 2, MAX_ADDRESS_SECONDS)
        try:
            connecting = executor.submit(super().connect)  # type: ignore[misc]
        except RuntimeError as error:
            raise OSError(f"no thread to connect in: {error}") from None
        try:
            connecting.result(seconds)
        except TimeoutError:
            connecting.cancel()
            connecting.add_done_callback(lambda _: self.close())  # type: ignore[attr-defined]
            raise TimeoutError(f"connecting timed out after {seconds:.1f} s") from None
        finally:
            self.timeout = seconds
            del connecting  # it keeps an error, whose traceback keeps this frame

    def getresponse(self) -> Any:
        """Wait for the response. Raises StaleConnection if the host had closed a connection that was kept open."""
        try:
            response = super().getresponse()  # type: ignore[misc]
        except _BROKEN as error:
            if self._responses:
                raise StaleConnection(str(error)) from None
            raise
        self._responses += 1
        return response

    def response_class(self, sock: socket.socket, **options: Any) -> HTTPResponse:
        """Called by http.client to read a response from the socket."""
        self.reader = _ResponseReader(sock)
        return _FinalResponse(self.reader, **options)  # type: ignore[arg-type]  # all that it uses is makefile()


class _FinalResponse(HTTPResponse):
    """Skips interim responses (RFC 9110, section 15.2), of which http.client knows only 100."""

    def begin(self) -> None:
        """Read status and headers of the final response."""
        super().begin()
        while self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]  # begin() returns at once where they are set
            super().begin()
        if self.status != 200:
            self.will_close = True  # whatever follows an unusual response must not be read as the next one


class _ResponseReader(io.BufferedReader):
    """Reads one response before its deadline, however slowly it comes; and finds out whether more follows it."""

    def __init__(self, sock: socket.socket) -> None:
        self._source = _DeadlineReader(sock)
        self._sock, self._timeout = sock, sock.gettimeout()
        self.has_surplus = False
        """More bytes came than the response has: this response, or what follows it, answers no request of ours."""
        super().__init__(self._source)

    def makefile(self, _mode: str) -> "_ResponseReader":
        """Called by http.client, which takes this for a socket."""
        return self

    def close(self) -> None:
        """Called at the end of the body, before the connection can be used again."""
        if not self.closed:
            self._source.is_waiting = False
            with suppress(OSError):  # nothing is there yet, which TLS reports as an error
                self.has_surplus = bool(self.peek(1))
                if self.has_surplus:
                    self._sock.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):  # it may be closed
                self._sock.settimeout(self._timeout)
        super().close()


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until the deadline that its timeout sets for all reads together."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = monotonic() + (sock.gettimeout() or 0.0)
        self.is_waiting = True
        """Whether a read waits for bytes, or returns at once where there are none."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = max(self._deadline - monotonic(), MIN_READ_SECONDS) if self.is_waiting else 0.0
        self._sock.settimeout(seconds)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _HTTP(_Connection, HTTPConnection):  # type: ignore[misc]  # response_class is a method here
    pass


class _HTTPS(_Connection, HTTPSConnection):  # type: ignore[misc]
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPS


POOLS = {"http": _HTTPPool, "https": _HTTPSPool}
"""Scheme → connection pool, as urllib3's pool managers look it up."""
