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
    banned: bool = False
    """The last rest that it asked for was a ban."""
    rests_until: float = float("-inf")
    """No request before this moment of the monotonic clock, because `rest_reason`."""
    rest_reason: str = ""

    @property
    def name(self) -> str:
        """The host and port alone, for records and messages."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def rest(self, until: float, reason: str, *, banned: bool = False) -> None:
        """Leave the host alone until that moment, or longer if it asked for longer before."""
        if until > self.rests_until:
            self.rests_until, self.rest_reason, self.banned = until, reason, banned


class Hosts:
    """The hosts in the user's order. One that fails, is closed or bans us makes way for the next that may be asked.

    One whose weight is used up does not: weight is counted per address of ours, so that the next host is no way out.
    """

    def __init__(self, base_urls: tuple[str, ...]) -> None:
        self._hosts = tuple(Host(url) for url in base_urls)
        self._front = self._hosts[0]
        self._lock = Lock()

    def current(self, now: float) -> Host:
        """The host to ask now, or to wait for. Raises RegionClosed when every one has answered 451."""
        with self._lock:
            if self._front.closed or (self._front.banned and self._front.rests_until > now):
                self._turn(now)
            if not self._front.closed:
                return self._front
        names = ", ".join(host.name for host in self._hosts)
        raise RegionClosed(
            f"{names}: closed to this region (HTTP 451); use --base-url {DEFAULT_BASE_URL}, which serves public data to"
            " all regions, or run from another region"
        )

    def pass_over(self, failed: Host, now: float) -> None:
        """Let the next host be the current one, unless another thread has seen to it."""
        with self._lock:
            if self._front is failed:
                self._turn(now)

    def _turn(self, now: float) -> None:
        """To the next host that may be asked, or if there is none to the one that may be asked soonest."""
        at = self._hosts.index(self._front)
        others = [host for host in self._hosts[at + 1 :] + self._hosts[:at] if not host.closed]
        awake = [host for host in others if host.rests_until <= now]
        resting = [host for host in (self._front, *others) if not host.closed]
        if awake:
            self._front = awake[0]
        elif resting:
            self._front = min(resting, key=lambda host: host.rests_until)
