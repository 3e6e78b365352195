"""Every error of this program, as one tree. Each adapter translates its library's exceptions into these, once.

    HandlerError
    ├── UsageError                  invalid request: a flag, a variable or an event
    ├── ExchangeError               a book could not be measured; `reason` is the record's word for it
    │   ├── BookUnavailable         no usable book before the slot was over
    │   ├── RateLimited             a cooldown lasts longer than the slot
    │   ├── RequestRejected         the exchange rejects the request for good, with its own message
    │   └── RegionUnavailable       every host answered 451: it does not serve this region
    ├── InvalidData                 invalid bytes or text
    │   ├── InvalidBook
    │   ├── InvalidRecord
    │   └── InvalidTimestamp
    ├── StoreError                  a table, folder, bucket or queue could not be read or written
    │   ├── TransientStoreError     the same request may succeed later
    │   └── CredentialsError        no valid credentials at the moment
    └── SourceError                 files or a table could not be read as records

A message is one sentence: what happened, to what, what to do.

    try:
        relation = read("obi/")
    except HandlerError as error:
        print(f"cannot read the records: {error}")
"""


class HandlerError(Exception):
    """Any failure that this program expects."""


class UsageError(HandlerError):
    """An invalid request: a flag, an environment variable or an event is wrong."""


class ExchangeError(HandlerError):
    """A book could not be measured.

    `reason` is the record's word for it: `timeout`, `connection`, `HTTP 503` (any number), `bad answer`,
    `rate limited`, `banned`, `rejected`, `region`, `empty book` or `weight`.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class BookUnavailable(ExchangeError):
    """No usable book came before the slot was over: no answer, an invalid one, or an empty book."""


class RateLimited(ExchangeError):
    """The exchange demands a cooldown that lasts longer than the slot."""


class RequestRejected(ExchangeError):
    """The exchange rejects the request for good, for example because the pair is unknown."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "rejected")


class RegionUnavailable(ExchangeError):
    """Every host answered 451 before the first success."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "region")


class InvalidData(HandlerError):
    """Malformed bytes or text."""


class InvalidBook(InvalidData):
    """Not an order book: not JSON, a side missing or unsorted, a level that is no two numbers, or another pair's."""


class InvalidRecord(InvalidData):
    """A line or an item that is not a valid record; the message names key and value."""


class InvalidTimestamp(InvalidData):
    """Text that is not a valid timestamp."""


class StoreError(HandlerError):
    """A table, folder, bucket or queue could not be read or written."""


class TransientStoreError(StoreError):
    """A table or folder could not be read or written, and the same request may succeed later."""


class CredentialsError(StoreError):
    """Credentials are missing, expired, rejected or unreadable; others may be found later."""


class SourceError(HandlerError):
    """Files or a table could not be read as records."""
