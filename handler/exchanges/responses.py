"""What to do after a response to a depth request that is not a book. Pure."""

from typing import NamedTuple


class Retry(NamedTuple):
    """The host failed: another host, or the same one later, may respond."""

    reason: str


class RetryAfter(NamedTuple):
    """The host demands a cooldown: no request from this address for so many seconds."""

    seconds: float
    reason: str
    is_banned: bool = False


class Rejected(NamedTuple):
    """The request is invalid, now and later; the reason is the exchange's own message."""

    reason: str


class RegionBlocked(NamedTuple):
    """The host does not serve this region."""


NoBook = Retry | RetryAfter | Rejected | RegionBlocked
