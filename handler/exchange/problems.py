"""What went wrong with a request, in our own words: the libraries' messages may contain URLs with passwords."""

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions as urllib3

from .answers import Retry
from .trust import BadSetting, trust_hint

PROBLEMS = (requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError, ValueError)

_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str, str], ...] = (
    (urllib3.DecodeError, "sent a body that cannot be decompressed", "bad answer"),
    (
        (http.client.RemoteDisconnected, http.client.IncompleteRead),
        "closed the connection before its answer was complete",
        "connection",
    ),
    (http.client.HTTPException, "sent no valid HTTP answer", "bad answer"),
    ((TimeoutError, urllib3.ReadTimeoutError), "timed out", "timeout"),
    (requests.exceptions.InvalidSchema, "SOCKS needs PySocks: run pip install 'requests[socks]'", "connection"),
)


class TooLarge(ValueError):
    """A body is larger than any book."""


def explain(error: BaseException, proxy: str) -> Retry:
    """The failure of a request that went through this proxy, if any."""
    *_, root = causes = list(_causes(error))
    failure = _describe(causes, root)
    if proxy and any(isinstance(cause, urllib3.ProxyError | requests.exceptions.InvalidSchema) for cause in causes):
        return failure._replace(text=f"the proxy {proxy}: {failure.text}")
    return failure


def _describe(causes: list[BaseException], root: BaseException) -> Retry:
    if isinstance(root, TooLarge):
        return Retry(f"{root}", "bad answer")
    if isinstance(error := causes[0], BadSetting):
        return Retry(f"{error}", "connection")
    for kind, text, reason in _WORDS:
        if any(isinstance(cause, kind) for cause in causes):
            return Retry(text, reason)
    if isinstance(root, ssl.SSLCertVerificationError):
        return Retry(f"certificate verify failed: {root.verify_message}; {trust_hint()}", "connection")
    if isinstance(root, socket.gaierror):
        return Retry(f"{root.strerror}; check the host's name and the Internet connection", "connection")
    if isinstance(root, OSError):
        return Retry(root.strerror or f"{root}" or type(root).__name__, "connection")
    return Retry(f"the request failed ({type(root).__name__})", "connection")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
