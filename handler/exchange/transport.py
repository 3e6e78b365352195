"""One GET with plain requests and urllib3, in bounded time, over a connection that is nobody else's meanwhile.

Each connection has an adapter of its own, and is used again only if its last answer was right: what a host sends after
another answer, or too late, is never taken for the answer to the next request.
"""

import logging
from collections import deque
from contextlib import suppress
from functools import lru_cache
from ssl import SSLContext
from threading import Lock
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import ProtocolError, ReadTimeoutError
from urllib3.util import Retry as Retries

from .. import __version__
from ..clock import Clock
from .answers import Answer, Retry
from .problems import PROBLEMS, TooLarge, explain
from .trust import Adapter, check_proxies, proxy_name, trusted_context

HEADERS = {"User-Agent": f"order-book-imbalance/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
MAX_BODY_BYTES = 4 * 2**20  # 5000 levels a side are about 350 KB
MAX_ERROR_BYTES = 16 * 2**10
PIECE_BYTES = 2**16
MAX_CONNECT_SECONDS = 3.0  # for each address of a host: a dead one leaves time for the next
MAX_AGE_SECONDS = 300.0  # of a connection: a new one follows a name that moved
LONG_IDLE_SECONDS = 20.0  # a NAT may have forgotten a connection that idled for longer
FIRST_WAIT_SECONDS = 3.0  # for an answer on such a connection
NO_RETRIES = Retries(False)  # by urllib3 itself

logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs a traceback for an answer with an odd header line


class Target(NamedTuple):
    """A prepared GET: the request and its target, to which host, through which proxies."""

    request: requests.PreparedRequest
    path: str
    origin: str
    proxies: dict[str, str]
    proxy: str


class Line:
    """One connection, with the adapter and the pool that it belongs to. Times are by the wall clock."""

    def __init__(self, context: SSLContext | None, target: Target, now: float) -> None:
        self._adapter = Adapter(context)
        self._pool = self._adapter.get_connection_with_tls_context(target.request, True, target.proxies)
        self.origin = target.origin
        self.opened_at = self.used_at = now
        self.has_head = self.is_forgotten = False

    def get(self, target: Target, seconds: float, end: float) -> Answer:
        """Send the request and read the whole answer before `end`; each wait for the host takes at most `seconds`."""
        self.has_head = False
        try:
            response = self._pool.urlopen(
                "GET",
                target.path,
                headers=HEADERS,
                retries=NO_RETRIES,
                redirect=False,
                assert_same_host=False,  # a proxy gets the whole URL
                timeout=Timeout(connect=min(MAX_CONNECT_SECONDS, seconds / 2), read=seconds),
                preload_content=False,
            )
            self.has_head = True
            if response.status == 200:
                return Answer(200, response.headers, _read(response, end, MAX_BODY_BYTES))
            body = b""
            with suppress(*PROBLEMS):  # the status is enough
                body = _read(response, end, MAX_ERROR_BYTES)
            return Answer(response.status, response.headers, body)
        except PROBLEMS:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()
        self._adapter.close()


class Transport:
    """Connections to hosts, directly or through the proxies of the environment; keeps up to `connections` to each."""

    def __init__(self, connections: int, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._session = requests.Session()
        self._target = lru_cache(maxsize=4096)(self._prepare)
        self._context: SSLContext | None = None
        self._idle: dict[str, deque[Line]] = {}
        self._max_idle_seconds = MAX_AGE_SECONDS
        self._lock = Lock()

    def get(self, url: str, seconds: float) -> tuple[Answer, Line] | Retry:
        """Fetch a URL, without following redirects, all of it in `seconds`. Then call `release` with the line."""
        end, proxy = monotonic() + seconds, ""
        try:
            target = self._target(url)
            proxy = target.proxy
            kept = self._take(target.origin)
            if kept and (answer := self._get_kept(kept, target, end)):
                return answer, kept
            line = Line(self._context, target, self._clock.time())
            answer = line.get(target, max(end - monotonic(), 0.001), end)
            if kept and kept.is_forgotten:
                self._max_idle_seconds = LONG_IDLE_SECONDS
            return answer, line
        except PROBLEMS as error:
            return explain(error, proxy)

    def release(self, line: Line, *, is_right: bool) -> None:
        """Keep the connection for the next request if its answer was right."""
        line.used_at = self._clock.time()
        if is_right:
            with self._lock:
                idle = self._idle.setdefault(line.origin, deque())
                if len(idle) < self._connections:
                    idle.append(line)
                    return
        line.close()

    def _take(self, origin: str) -> Line | None:
        now = self._clock.time()
        while idle := self._idle.get(origin):
            try:
                line = idle.popleft()  # the longest idle: surplus bytes have had most time to arrive, and are noticed
            except IndexError:  # another thread took the last one
                break
            if now - line.opened_at < MAX_AGE_SECONDS and now - line.used_at <= self._max_idle_seconds:
                return line
            line.close()
        return None

    def _get_kept(self, line: Line, target: Target, end: float) -> Answer | None:
        """The answer on a kept connection; None if the host closed it, or a NAT on the way forgot it."""
        has_idled = self._clock.time() - line.used_at > LONG_IDLE_SECONDS
        seconds = max(end - monotonic(), 0.001)
        try:
            return line.get(target, min(seconds, FIRST_WAIT_SECONDS) if has_idled else seconds, end)
        except (ProtocolError, ReadTimeoutError) as error:
            line.is_forgotten = isinstance(error, ReadTimeoutError)
            if line.has_head or (line.is_forgotten and not has_idled):
                raise
            return None

    def _prepare(self, url: str) -> Target:
        request = requests.Request("GET", url, HEADERS).prepare()  # a session would add what is in ~/.netrc
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        proxies = settings["proxies"]
        check_proxies(proxies)
        if url.lower().startswith("https:"):
            with self._lock:
                self._context = self._context or trusted_context(settings["verify"])
        proxy = proxy_name(select_proxy(url, proxies) or "")
        return Target(request, Adapter(None).request_url(request, proxies), urlsplit(url).netloc, proxies, proxy)


def _read(response: BaseHTTPResponse, end: float, max_bytes: int) -> bytes:
    """The body, decompressed, read before `end` however slowly it comes."""
    pieces, size = [], 0
    while piece := response.read1(PIECE_BYTES, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            raise TooLarge(f"sent a body of more than {max_bytes} bytes")
        if monotonic() >= end:
            raise TimeoutError
    return b"".join(pieces)
