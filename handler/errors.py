"""Everything that can go wrong, as one tree. Each adapter translates its library's exceptions into these, once.

    HandlerError
    ├── UsageError            what the user asked for cannot be
    ├── ExchangeError         a book could not be measured
    │   ├── Refused           the exchange says that the request can never work, in its own words
    │   ├── RegionClosed      every host answered 451: closed to this region
    │   ├── NoAnswer          no usable answer before the slot was over
    │   │   └── RateLimited   … because the exchange told this address to stay away for longer than that
    │   └── EmptyBook         answered, but nothing rests on either side
    ├── InvalidBook           the bytes are no order book
    └── TableError            the table did not take, or did not give, what it was asked

Messages are one sentence: what happened, to what, what to do.
"""


class HandlerError(Exception):
    """Any failure that this program foresees."""


class UsageError(HandlerError):
    """What the user asked for cannot be: a flag, an environment variable or an event is wrong."""


class ExchangeError(HandlerError):
    """A book could not be measured."""


class Refused(ExchangeError):
    """The exchange says that the request can never work, for example because the pair is unknown."""


class RegionClosed(ExchangeError):
    """Every host answered 451, for the life of the process."""


class NoAnswer(ExchangeError):
    """No usable answer came before the slot was over."""


class RateLimited(NoAnswer):
    """The exchange told this address to stay away for longer than the slot lasts."""


class EmptyBook(ExchangeError):
    """The exchange answered, but nothing rests on either side."""


class InvalidBook(HandlerError):
    """The bytes are no order book: not JSON, a side is missing, or a level is not a pair of numbers."""


class TableError(HandlerError):
    """The table did not take, or did not give, what it was asked."""
