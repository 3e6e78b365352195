"""Every error of this program, as one tree. Each adapter translates its library's exceptions into these, once.

    HandlerError
    ├── UsageError                  invalid request: a flag, a variable or an event
    ├── ExchangeError               a book could not be measured
    │   ├── RequestRejected         the exchange rejects the request for good, with its own message
    │   ├── RegionUnavailable       every host answered 451: it does not serve this region
    │   ├── BookUnavailable         no usable response before the slot was over
    │   │   └── RateLimited         … because of a cooldown that lasts longer than the slot
    │   └── EmptyBook               a response, but too few orders to measure
    ├── RequestFailed               one HTTP request brought no complete response
    ├── InvalidData                 malformed bytes or text
    │   ├── InvalidBook
    │   ├── InvalidRecord
    │   ├── InvalidResponse
    │   └── InvalidTimestamp
    ├── TableError                  a table read or write failed
    │   ├── TransientTableError     the same request may succeed later
    │   └── CredentialsError        no valid credentials at the moment
    └── ArchiveError                a day could not be written to the archive or read there, or is not whole

Messages are one sentence: what happened, to what, what to do.
"""


class HandlerError(Exception):
    """Any failure that this program expects."""


class UsageError(HandlerError):
    """An invalid request: a flag, an environment variable or an event is wrong."""


class ExchangeError(HandlerError):
    """A book could not be measured."""


class RequestRejected(ExchangeError):
    """The exchange rejects the request for good, for example because the pair is unknown."""


class RegionUnavailable(ExchangeError):
    """Every host answered 451, for the life of the process."""


class BookUnavailable(ExchangeError):
    """No usable response came before the slot was over."""


class RateLimited(BookUnavailable):
    """The exchange demands a cooldown that lasts longer than the slot."""


class EmptyBook(ExchangeError):
    """The exchange responded, but there are no orders on either side or, for a distance from mid, on one."""


class RequestFailed(HandlerError):
    """One HTTP request brought no complete response; `is_stale`: the host had closed a kept connection."""

    def __init__(self, reason: str, *, is_stale: bool = False) -> None:
        super().__init__(reason)
        self.is_stale = is_stale


class InvalidData(HandlerError):
    """Malformed bytes or text."""


class InvalidBook(InvalidData):
    """Not an order book: not JSON, a side is missing, or a level is not a pair of numbers."""


class InvalidRecord(InvalidData):
    """A line or an item that is not a valid record."""


class InvalidResponse(InvalidData):
    """A response that does not come from DynamoDB."""


class InvalidTimestamp(InvalidData):
    """Text that is not a valid timestamp."""


class TableError(HandlerError):
    """A table read or write failed."""


class TransientTableError(TableError):
    """A table read or write failed, and the same request may succeed later."""


class CredentialsError(TableError):
    """Credentials are missing, expired, rejected or unreadable; others may be found later."""


class ArchiveError(HandlerError):
    """A day could not be written to the archive or read there, or is not whole in it."""
