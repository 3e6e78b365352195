"""One GET over urllib3, which ends by its deadline and never reads the response to another request.

What urllib3 lacks for that goes through `connect`, `getresponse` and `response_class`, which its connections have from
`http.client`.
"""

import io
import logging
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from time import monotonic
from typing import Any, NamedTuple

from requests import RequestException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from handler.errors import RequestFailed
from handler.exchanges.pools import Pools

MAX_BODY_BYTES = 4 * 2**20  # 5000 levels a side are about 350 KB
MAX_ADDRESS_SECONDS = 3.0  # for one address of a host: a dead one leaves time for the next
MAX_CONNECTING = 64
MIN_READ_SECONDS = 0.001
MAX_HEAD_LINES, MAX_LINE_BYTES = 100, 65_536
_FRAMING_HEADERS = {"connection", "content-encoding", "content-length", "transfer-encoding"}

_URL_USER = re.compile(r"//\S*@")  # user and password: no message may contain them
_INTERIM_STATUS = re.compile(rb"HTTP/\S+ 1\d\d\b")
_BROKEN = (ConnectionError, ssl.SSLEOFError)
executor = ThreadPoolExecutor(MAX_CONNECTING, thread_name_prefix="connect")  # nothing can interrupt a name lookup

logging.getLogger("urllib3").setLevel(logging.ERROR)  # a traceback for each response with an odd header line


class Response(NamedTuple):
    """A whole response, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """GETs with up to `connections` open at a time to a host. Threads may share it."""

    def __init__(self, connections: int) -> None:
        pools = Pools({"http": _HTTPPool, "https": _HTTPSPool}, connections)
        self._prepare = lru_cache(maxsize=4096)(pools.prepare)

    def get(self, url: str, seconds: float) -> Response:
        """Fetch a URL without following redirects, all of it in so many seconds. Raises RequestFailed."""
        try:
            pool, target, headers = self._prepare(url)
            with pool.urlopen(  # closes the connection unless the response was read to its end
                "GET",
                target,
                headers=headers,
                retries=False,
                assert_same_host=False,  # a proxy is sent the whole URL
                timeout=Timeout(total=seconds),
                preload_content=False,
            ) as response:
                connection: Any = response.connection
                body = response.read(MAX_BODY_BYTES + 1)
        except (RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            raise _request_failed(error) from error
        if len(body) > MAX_BODY_BYTES:
            raise RequestFailed(f"the body is larger than {MAX_BODY_BYTES} bytes")
        if connection.reader.has_trailing_bytes:
            raise RequestFailed("sent more than one response to a request")
        return Response(response.status, connection.reader.headers, body)


def _request_failed(error: BaseException) -> RequestFailed:
    """A function of its own, because a frame with a variable for an error is a reference cycle with its traceback."""
    *_, root = causes = list(_causes(error))
    reason = getattr(root, "strerror", None) or str(root) or type(root).__name__
    if isinstance(root, socket.gaierror):
        reason += "; check the host's name and the Internet connection"
    is_stale = any(isinstance(cause, StaleConnection) for cause in causes)
    return RequestFailed(_URL_USER.sub("//", reason), is_stale=is_stale)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


class StaleConnection(ConnectionResetError):
    """The host closed a kept connection before it had read the request."""


class _Connection:
    """Mixed into urllib3's connections, to which `super()` refers."""

    timeout: Any
    reader: "_ResponseReader"
    _responses = 0

    def connect(self) -> None:
        """Connect within the timeout, which urllib3 does not apply to the name lookup, and to each address anew."""
        self._responses = 0
        seconds = self.timeout
        self.timeout = min(seconds / 2, MAX_ADDRESS_SECONDS)
        try:
            connecting = executor.submit(super().connect)  # type: ignore[misc]
        except RuntimeError as error:
            raise OSError(f"cannot start a thread to connect: {error}") from None
        try:
            connecting.result(seconds)
        except TimeoutError:
            if connecting.done():  # one of its own waits timed out
                raise
            connecting.cancel()
            connecting.add_done_callback(lambda _: self.close())  # type: ignore[attr-defined]
            raise TimeoutError(f"connecting timed out after {seconds:.1f} s") from None
        finally:
            self.timeout = seconds
            del connecting  # its error's traceback would keep this frame alive

    def getresponse(self) -> Any:
        """Wait for the response. Raises StaleConnection if the host had closed a kept connection."""
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
        """Read the head of the final response; http.client, which parses slowly, gets only how the body is framed."""
        reader: Any = self.fp
        lines = _read_head(reader)
        while _INTERIM_STATUS.match(lines[0]):
            lines = _read_head(reader)
        framing = []
        for line in lines[1:]:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon and not line[:1].isspace():  # a folded line begins with a space
                raise HTTPException(f"sent an invalid header line: {line[:60]!r}")
            reader.headers[name.lower()] = value.strip()
            if name.lower() in _FRAMING_HEADERS:
                framing.append(line)
        self.fp = io.BytesIO(b"".join([lines[0], *framing, b"\r\n"]))  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            self.fp = reader
        if self.status != 200:
            self.will_close = True  # bytes after an unusual response must not be read as the next one


def _read_head(reader: io.BufferedReader) -> list[bytes]:
    """The lines of a response's head, without the blank one at its end. Raises HTTPException."""
    lines: list[bytes] = []
    while (line := reader.readline(MAX_LINE_BYTES)) not in (b"\r\n", b"\n", b""):
        lines.append(line)
        if len(line) == MAX_LINE_BYTES or len(lines) > MAX_HEAD_LINES or not lines[0].startswith(b"HTTP/"):
            raise HTTPException(f"sent no valid HTTP response: {line[:60]!r}")
    if not lines:
        raise RemoteDisconnected("closed the connection without a response")
    return lines


class _ResponseReader(io.BufferedReader):
    """Reads one response before its deadline, however slow it is, and notices bytes that follow it."""

    def __init__(self, sock: socket.socket) -> None:
        self._source = _DeadlineReader(sock)
        self._sock, self._timeout = sock, sock.gettimeout()
        self.headers: dict[str, str] = {}
        """All headers of the final response, their names in lower case."""
        self.has_trailing_bytes = False
        """More bytes arrived than the response has: one of the two responses was not requested."""
        super().__init__(self._source)

    def makefile(self, _mode: str) -> "_ResponseReader":
        """Called by http.client, which takes this for a socket."""
        return self

    def close(self) -> None:
        """Called at the end of the body, before the connection can be used again."""
        if not self.closed:
            self._source.is_waiting = False
            with suppress(OSError):  # nothing is there yet, which TLS reports as an error
                self.has_trailing_bytes = bool(self.peek(1))
                if self.has_trailing_bytes:
                    self._sock.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):  # it may be closed
                self._sock.settimeout(self._timeout)  # for TLS, where this was a proxy's response to CONNECT
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
