"""The connection pool for a URL: to the host or the environment's proxy, with one SSLContext for all.

`requests` reads the environment's proxies and CA bundle. It would do so again for each request, and read the CA bundle
again for every connection (urllib3 issue 3623); here it does so once for each URL.
"""

import ssl
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from certifi import where
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from handler import __version__

HEADERS = {"User-Agent": f"order-book-imbalance/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
"""All that is sent: nothing that identifies the user."""


class PreparedRequest(NamedTuple):
    """A GET that can be sent many times: over which connections, for which target, with which headers."""

    pool: HTTPConnectionPool
    target: str
    headers: Any


class Pools:
    """Up to `pool_maxsize` connections to each host; `pool_classes` are urllib3's pools by scheme."""

    def __init__(self, pool_classes: dict[str, type[HTTPConnectionPool]], pool_maxsize: int) -> None:
        self._session = requests.Session()
        self._adapter = _Adapter(pool_classes, pool_maxsize)

    def prepare(self, url: str) -> PreparedRequest:
        """Prepare a GET. Raises what requests and urllib3 raise, OSError or ValueError."""
        request = requests.Request("GET", url, HEADERS).prepare()  # by itself, a session adds what is in ~/.netrc
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        if url.lower().startswith("https:"):
            self._adapter.trust(settings["verify"])
        proxies = settings["proxies"]
        _check_proxies(proxies)
        pool = self._adapter.get_connection_with_tls_context(request, True, proxies)
        return PreparedRequest(pool, self._adapter.request_url(request, proxies), request.headers)


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
    """An adapter with these pools, whose connections share one SSLContext."""

    def __init__(self, pool_classes: dict[str, type[HTTPConnectionPool]], pool_maxsize: int) -> None:
        self._pool_classes = pool_classes
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
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager
