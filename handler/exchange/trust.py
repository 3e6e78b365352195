"""What the environment says about connections: the proxies, and whom to trust. With one SSLContext for all connections.

`requests` would read the CA bundle again for each connection, which costs more than a request (urllib3 issue 3623).
"""

import logging
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util import create_urllib3_context

log = logging.getLogger(__name__)


class BadSetting(ValueError):
    """A variable of the environment cannot be used; the message is in our own words, without credentials."""


def trusted_context(verify: bool | str) -> ssl.SSLContext:
    """A context with the CA bundle that requests found in the environment, or its default. Raises BadSetting."""
    bundle = Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
    try:
        context = create_urllib3_context()
    except OSError:
        log.warning("SSLKEYLOGFILE names a file that cannot be written: no TLS keys are logged")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(**{"capath" if bundle.is_dir() else "cafile": str(bundle)})
    except OSError as error:  # of a missing file and of an invalid one
        raise BadSetting(f"the CA bundle {bundle} cannot be read: correct REQUESTS_CA_BUNDLE") from error
    return context


def trust_hint() -> str:
    """What to do about a certificate that is not trusted."""
    name = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
    reads = f"{name} is not read here: " if name else ""
    return f"{reads}if your network has a CA of its own, set REQUESTS_CA_BUNDLE to its bundle"


def check_proxies(proxies: dict[str, str]) -> None:
    """Raise BadSetting for a proxy URL of which a parser would take a part of the password for the host."""
    for url in proxies.values():
        try:
            parts = urlsplit(url if "://" in url else f"//{url}")
            is_valid = ("@" not in url or "@" in parts.netloc) and (parts.port or True)
        except ValueError:
            is_valid = False
        if not is_valid:
            raise BadSetting("the URL of the proxy is invalid: percent-encode / # ? @ [ ] in its password")


def proxy_name(url: str) -> str:
    """The host and port of a proxy."""
    return urlsplit(url if "://" in url else f"//{url}").netloc.rpartition("@")[2]


class Adapter(HTTPAdapter):
    """The adapter of one connection. With a context it is used for TLS, also through a proxy."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._tls: dict[str, Any] = {} if context is None else {"ssl_context": context}
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Called by requests."""
        super().init_poolmanager(connections, maxsize, block, **options, **self._tls)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Called by requests."""
        if proxy.lower().startswith("https:") and self._tls:
            options["proxy_ssl_context"] = self._tls["ssl_context"]
        return super().proxy_manager_for(proxy, **options, **self._tls)
