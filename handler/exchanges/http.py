"""One GET over `requests`: one connection pool, one SSLContext, one deadline.

`requests` prepares the request and brings the environment's proxies and CA bundle, once for each URL; urllib3 then
sends it, because requests does all of that again for each call, follows redirects, and reads the CA bundle again for
every connection (urllib3 issue 3623).
"""

import logging
import re
import ssl
from collections.abc import Iterator
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from certifi import where
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from handler import __version__
from handler.errors import RequestFailed
from handler.exchanges.connections import POOLS, StaleConnection

HEADERS = {"User-Agent": f"order-book-imbalance/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
"""All that is sent: nothing that identifies the user."""
MAX_BODY_BYTES = 4 * 2**20
"""5000 levels a side are about 350 KB."""

_CREDENTIALS = re.compile(r"//\S*@")
"""What a URL says before its host: nothing that a message may tell."""

logging.getLogger("urllib3").setLevel(logging.ERROR)  # a traceback for each response with an odd header line


class Response(NamedTuple):
    """A whole response, whatever its status. Header names are matched in any case."""

    status: int
    headers: Any
    body: bytes


class HttpClient:
    """GETs with up to `connections` open at a time to a host. Threads may share it."""

    def __init__(self, connections: int) -> None:
        self._session = requests.Session()
        self._adapter = _Adapter(pool_maxsize=connections)
        self._prepared = lru_cache(maxsize=4096)(self._prepare)

    def get(self, url: str, seconds: float) -> Response:
        """Fetch a URL without following redirects, all of it in so many seconds. Raises RequestFailed."""
        try:
            pool, target, headers = self._prepared(url)
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
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            raise _translated(error) from error
        if len(body) > MAX_BODY_BYTES:
            raise RequestFailed(f"the body is larger than {MAX_BODY_BYTES} bytes")
        if connection.reader.has_surplus:
            raise RequestFailed("sent more than one response to a request")
        return Response(response.status, response.headers, body)

    def _prepare(self, url: str) -> tuple[HTTPConnectionPool, str, Any]:
        """The pool of connections to the host or its proxy, what to ask it for, and the headers."""
        request = requests.Request("GET", url, HEADERS).prepare()  # by itself, a session adds what is in ~/.netrc
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        if url.lower().startswith("https:"):
            self._adapter.trust(settings["verify"])
        proxies = settings["proxies"]
        _check_proxies(proxies)
        pool = self._adapter.get_connection_with_tls_context(request, True, proxies)
        return pool, self._adapter.request_url(request, proxies), request.headers


def _check_proxies(proxies: dict[str, str]) -> None:
    """Raise ValueError for a proxy URL of which a parser would take a part of the password for the host."""
    for url in proxies.values():
        try:
            valid = "@" not in url or "@" in urlsplit(url).netloc
        except ValueError:
            valid = False
        if not valid:
            raise ValueError("the proxy URL in the environment is invalid: percent-encode / # ? @ [ ] in its password")


class _Adapter(HTTPAdapter):
    """An adapter whose connections share one SSLContext, and end each answer in time."""

    def __init__(self, pool_maxsize: int) -> None:
        self._context: ssl.SSLContext | None = None
        self._lock = Lock()
        super().__init__(pool_maxsize=pool_maxsize)

    def trust(self, verify: bool | str) -> None:
        """Read the CA bundle, once: the environment's (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) or certifi's."""
        with self._lock:
            if self._context is None:
                bundle = verify if isinstance(verify, str) else where()
                if not Path(bundle).exists():
                    raise FileNotFoundError(f"the CA bundle {bundle} does not exist")
                context = create_urllib3_context()
                context.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
                self._context = self.poolmanager.connection_pool_kw["ssl_context"] = context

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


def _translated(error: BaseException) -> RequestFailed:
    """In a function of its own: a frame that kept an error would be kept by its traceback until the next collection."""
    *_, root = causes = list(_causes(error))
    return RequestFailed(_reason(root), is_stale=any(isinstance(cause, StaleConnection) for cause in causes))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _reason(error: BaseException) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _CREDENTIALS.sub("//", words)
