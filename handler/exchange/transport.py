"""Sends one GET with requests and urllib3 before a deadline, over a connection that serves one URL only.

A connection is used again only after a valid answer: what a host sends late, or after an invalid answer, must not be
taken for the answer to the next request.
"""

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from socket import SHUT_RDWR
from ssl import SSLContext
from threading import Lock
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import DecodeError, ReadTimeoutError

from .. import __version__
from ..clock import Clock
from .answers import Answer, Failure
from .problems import REQUEST_ERRORS, explain, proxy_name, trusted_context

HEADERS = {"User-Agent": f"order-book-imbalance/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
MAX_BODY_BYTES = 4 * 2**20  # 5000 levels a side are about 350 KB
PIECE_BYTES = 2**16
MAX_CONNECT_SECONDS = 3.0  # for each address of a host: a dead one leaves time for the next
MAX_AGE_SECONDS = 300.0  # of a connection: a new one follows a name that moved
LONG_IDLE_SECONDS = 2.0  # a NAT may have forgotten a connection that idled for longer
FIRST_WAIT_SECONDS = 3.0  # for an answer on such a connection

logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs a traceback for an answer with an odd header line


class UrlConnection(HTTPAdapter):
    """The adapter of one URL, with its connection and prepared request. `opened_at`, `used_at` are wall-clock times."""

    def __init__(self, url: str, proxies: dict[str, str], context: SSLContext | None, now: float) -> None:
        self._tls: dict[str, Any] = {"ssl_context": context} if context else {}
        super().__init__(pool_connections=1, pool_maxsize=1)
        request = requests.Request("GET", url, HEADERS).prepare()  # a session would add what is in ~/.netrc
        self._pool = self.get_connection_with_tls_context(request, True, proxies)
        self._path = self.request_url(request, proxies)
        self._last: list[Any] = []  # the last connection that urllib3 created
        self._pool.ConnectionCls = partial(_create, self._pool.ConnectionCls, self._last)  # type: ignore[assignment]
        self.url = url
        self.opened_at = self.used_at = now
        self.end = 0.0  # of the request that is under way, on the monotonic clock

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Called by requests."""
        super().init_poolmanager(connections, maxsize, block, **options, **self._tls)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Called by requests."""
        if proxy.lower().startswith("https:") and self._tls:
            options["proxy_ssl_context"] = self._tls["ssl_context"]
        return super().proxy_manager_for(proxy, **options, **self._tls)

    def abort(self) -> None:
        """End the request that another thread waits for, at whatever byte of a handshake or an answer it is."""
        for connection in self._last:
            if sock := connection.sock:  # which the other thread may set to None at any time
                with suppress(OSError):  # it is closed already
                    sock.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, which an adapter leaves to a garbage collection."""
        self._pool.close()

    def get(self, end: float, seconds: float) -> BaseHTTPResponse:
        """Send the request and read the head of its answer; each wait for a byte takes at most `seconds`."""
        self.end = end
        timeout = Timeout(connect=min(MAX_CONNECT_SECONDS, seconds / 2), read=seconds)
        return self._pool.urlopen(
            "GET", self._path, headers=HEADERS, timeout=timeout, retries=False, redirect=False,
            assert_same_host=False,  # a proxy gets the whole URL
            preload_content=False,
        )  # fmt: skip


def _create(connection_class: Any, last: list[Any], **options: Any) -> Any:
    last[:] = [connection_class(**options)]
    return last[0]


class Transport:
    """Connections to hosts, directly or through the proxies of the environment. Threads share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session = requests.Session()  # reads the environment
        self._idle: dict[str, UrlConnection] = {}  # by URL; while a request uses one it is not here
        self._under_way: set[UrlConnection] = set()
        self._max_idle_seconds = MAX_AGE_SECONDS
        self._lock = Lock()

    def get(self, url: str, seconds: float) -> tuple[Answer, UrlConnection] | Failure:
        """Fetch a URL, without following redirects, all of it in `seconds`. Then call `release` with the connection."""
        end, proxy = monotonic() + seconds, ""
        connection = self._idle.pop(url, None)
        try:
            answer = self._try_idle(connection, end) if connection else None
            if connection is None or answer is None:
                settings = self._session.merge_environment_settings(url, {}, True, None, None)
                proxies, verify = settings["proxies"], settings["verify"]
                proxy = proxy_name(select_proxy(url, proxies) or "")
                bundle = Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
                changed_at = bundle.stat().st_mtime_ns if bundle.exists() else 0
                with self._lock:  # one thread reads the bundle
                    context = trusted_context(bundle, changed_at) if url.lower().startswith("https:") else None
                connection = UrlConnection(url, proxies, context, self._clock.time())
                answer = self._fetch(connection, end, end - monotonic())
            return answer, connection
        except REQUEST_ERRORS as error:
            return explain(error if monotonic() < end else TimeoutError(), proxy)

    def release(self, connection: UrlConnection, *, is_right: bool) -> None:
        """Keep the connection for the next request of its URL if its answer was right."""
        connection.used_at = self._clock.time()
        if not is_right or self._idle.setdefault(connection.url, connection) is not connection:
            connection.close()

    def end_overdue(self) -> None:
        """End the requests whose time is over: urllib3's timeout is for each byte, and an answer may trickle."""
        for connection in tuple(self._under_way):
            if monotonic() > connection.end:
                connection.abort()

    def _try_idle(self, connection: UrlConnection, end: float) -> Answer | None:
        """Fetch over an idle connection; None if it is too old, the host closed it, or a NAT on the way forgot it."""
        now, seconds = self._clock.time(), end - monotonic()
        idle_seconds = now - connection.used_at
        if not 0 <= now - connection.opened_at < MAX_AGE_SECONDS or idle_seconds > self._max_idle_seconds:
            connection.close()
            return None
        is_long = idle_seconds > LONG_IDLE_SECONDS
        try:
            return self._fetch(connection, end, min(seconds, FIRST_WAIT_SECONDS) if is_long else seconds)
        except REQUEST_ERRORS as error:
            if is_long and isinstance(error, ReadTimeoutError):
                self._max_idle_seconds = min(self._max_idle_seconds, idle_seconds / 2)
            if monotonic() >= end:
                raise
        return None

    def _fetch(self, connection: UrlConnection, end: float, seconds: float) -> Answer:
        self._under_way.add(connection)
        try:
            with connection.get(end, seconds) as response:
                return Answer(response.status, response.headers, _read(response, end))
        except REQUEST_ERRORS:
            connection.close()
            raise
        finally:
            self._under_way.discard(connection)


def _read(response: BaseHTTPResponse, end: float) -> bytes:
    """Read and decompress the body before `end`; of an error's body, return what was read when reading failed."""
    body, piece = bytearray(), b"first"
    tolerated = () if response.status == 200 else REQUEST_ERRORS
    with suppress(*tolerated):
        while piece:
            piece = response.read1(PIECE_BYTES, decode_content=True)
            if monotonic() >= end:  # also if there is no more: a connection that was ended looks complete
                raise TimeoutError
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise DecodeError(f"more than {MAX_BODY_BYTES} bytes")
    return bytes(body)
