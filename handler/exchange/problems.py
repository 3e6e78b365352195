"""Explains failed requests in our own words, since the libraries' may contain passwords; loads the CA bundle."""

import http.client
import logging
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.exceptions import InvalidSchema
from urllib3 import exceptions as errors
from urllib3.util import create_urllib3_context

from .answers import Failure

REQUEST_ERRORS = (requests.RequestException, errors.HTTPError, http.client.HTTPException, OSError, ValueError)
CUT_OFF_ERRORS = (http.client.RemoteDisconnected, http.client.IncompleteRead)
NOT_TRUSTED = (
    "certificate verify failed: {0.verify_message}; check this machine's clock and, if your network has a CA of its"
    " own, set REQUESTS_CA_BUNDLE to its bundle (SSL_CERT_FILE is not read here)"
)
PROXY_HINT = (
    "its URL or the URL of the proxy is invalid: write http://host:port, percent-encode / # ? @ [ ] in a password"
)


class InvalidBundle(ValueError):
    """The CA bundle cannot be read."""


EXPLANATIONS: tuple[tuple[type | tuple[type, ...], str, str], ...] = (
    (InvalidBundle, "connection", "the CA bundle {0} cannot be read: correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"),
    (errors.DecodeError, "bad answer", "sent a body that is too large or cannot be decompressed"),
    (CUT_OFF_ERRORS, "connection", "closed the connection before its answer was complete"),
    (http.client.HTTPException, "bad answer", "sent no valid HTTP answer"),
    (TimeoutError, "timeout", "timed out"),
    (ssl.SSLCertVerificationError, "connection", NOT_TRUSTED),
    (errors.SSLError, "connection", "no TLS connection ({0}): if it speaks plain HTTP, write http:// in its URL"),
    (socket.gaierror, "connection", "{0.strerror}; check the host's name and the Internet connection"),
    (InvalidSchema, "connection", "SOCKS needs PySocks: run pip install 'requests[socks]'"),
    (ValueError, "connection", PROXY_HINT),
)

log = logging.getLogger(__name__)


def explain(error: BaseException, proxy: str) -> Failure:
    """Return the failure of a request, which went through this proxy if there is one."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    is_proxy = proxy and any(isinstance(cause, errors.ProxyError | InvalidSchema) for cause in causes)
    blamed = f"the proxy {proxy}: " if is_proxy else ""
    for kind, reason, text in EXPLANATIONS:
        for cause in causes:
            if isinstance(cause, kind):
                return Failure(blamed + text.format(cause), reason)
    root = causes[-1]
    if isinstance(root, OSError) and not isinstance(root, requests.RequestException):
        return Failure(f"{blamed}{root.strerror or root}", "connection")
    return Failure(f"{blamed}the request failed ({type(root).__name__})", "connection")


@lru_cache(maxsize=1)
def trusted_context(bundle: Path, _changed_at: int) -> ssl.SSLContext:
    """Return the TLS context, the same until the bundle changes: loading it is slower than a request (urllib3 3623)."""
    try:
        context = create_urllib3_context()
    except OSError:
        log.warning("SSLKEYLOGFILE names a file that cannot be written: no TLS keys are logged")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(**{"capath" if bundle.is_dir() else "cafile": str(bundle)})
    except OSError as error:  # of a missing file and of an invalid one
        raise InvalidBundle(bundle) from error
    return context


def proxy_name(url: str) -> str:
    """Return the host and port of a proxy. Raises ValueError if a part of its password would count as the host."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    if parts.port == 0 or ("@" in parts.netloc) != ("@" in url):
        raise ValueError("invalid proxy")
    return parts.netloc.rpartition("@")[2]
