"""The exchange's hosts: which to ask now, which to leave alone, and until when. Shared by all threads."""

from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from handler.errors import RegionClosed

DEFAULT_BASE_URL = "https://data-api.binance.vision"
"""Public market data without a key, also from US regions, where api.binance.com answers 451 (rest-api.md, "General API
Information"; ccxt issue 15893)."""


@dataclass(eq=False, slots=True)
class Host:
    """One base URL and what it told us."""

    base_url: str
    closed: bool = False
    """It answered 451 once, which holds for the life of the process."""
    rests_until: float = float("-inf")
    """No request before this moment of the monotonic clock, because `rest_reason`."""
    rest_reason: str = ""

    @property
    def name(self) -> str:
        """The host and port alone, for records and messages."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def rest(self, until: float, reason: str) -> None:
        """Leave the host alone until that moment, or longer if it asked for longer before."""
        if until > self.rests_until:
            self.rests_until, self.rest_reason = until, reason


class Hosts:
    """The hosts in the user's order. One that fails makes way for the next, until that fails in its turn."""

    def __init__(self, base_urls: tuple[str, ...]) -> None:
        self._hosts = [Host(url) for url in base_urls]
        self._lock = Lock()

    def current(self) -> Host:
        """The host to ask now. Raises RegionClosed when every one has answered 451."""
        with self._lock:
            for host in self._hosts:
                if not host.closed:
                    return host
        names = ", ".join(sorted(host.name for host in self._hosts))
        raise RegionClosed(
            f"{names}: closed to this region (HTTP 451); use --base-url {DEFAULT_BASE_URL}, which serves public data to"
            " all regions, or run from another region"
        )

    def pass_over(self, failed: Host) -> None:
        """Let the next host be the current one, unless another thread has seen to it."""
        with self._lock:
            if self._hosts[0] is failed:
                self._hosts.append(self._hosts.pop(0))

    def close(self, host: Host) -> None:
        """Never ask this host again."""
        host.closed = True
        self.pass_over(host)
