"""What urllib3's connections lack: an end to every wait, and telling a stale connection from a bad host."""

import io
import socket
import ssl
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from handler.addresses import connect

_BROKEN = (ConnectionError, ssl.SSLEOFError)


class StaleConnection(ConnectionResetError):
    """The host closed a connection between two requests: the request was never looked at."""


class _WholeResponse(HTTPResponse):
    """A response whose reads all end within the one read timeout, even if it trickles in a byte at a time."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), sock))


class _Until(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._deadline = monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(max(self._deadline - monotonic(), 0.001))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Careful:
    """Connects in time, and tells a connection that broke between two requests from a host that breaks its answers."""

    response_class = _WholeResponse
    socket_options: Any
    timeout: Any
    _dns_host: str
    port: int
    _answers = 0

    def connect(self) -> None:
        self._answers = 0
        super().connect()  # type: ignore[misc]

    def _new_conn(self) -> socket.socket:
        return connect(self._dns_host.strip("[]"), self.port, self.timeout, socket_options=self.socket_options)

    def request(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        except _BROKEN as error:
            raise self._told(error) from None

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()  # type: ignore[misc]
        except _BROKEN as error:
            raise self._told(error) from None
        self._answers += 1
        return response

    def _told(self, error: OSError) -> OSError:
        return StaleConnection(str(error)) if self._answers else error


class _HTTP(_Careful, HTTPConnection):  # type: ignore[misc]  # the standard library's response class, made to end
    pass


class _HTTPS(_Careful, HTTPSConnection):  # type: ignore[misc]
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPS


POOLS = {"http": _HTTPPool, "https": _HTTPSPool}
"""Scheme → connection pool, as urllib3's pool managers look it up."""
