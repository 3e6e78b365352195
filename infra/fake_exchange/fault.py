"""One fault of a depth request, and what it has to work with. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from infra.fake_exchange.books import FakeBook, depth_body, render_sides
from infra.fake_exchange.markets import FakeMarket
from infra.fake_exchange.responses import Response

SURPLUS_BOOK = FakeBook([("7.00000000", "7.00000000")], [("8.00000000", "7.00000000")], 7)
"""The book of no pair: a record of it was made from a response to no request."""
INTERNAL = "Internal error; unable to process your request. Please try again."


class FaultContext(NamedTuple):
    """What a fault can use: the response without the fault, its book and time, the pair's first ones."""

    market: FakeMarket
    response: Response
    book: FakeBook
    now_seconds: float
    first_book: FakeBook
    started_seconds: float
    weight_limit: int
    parameter: float | None

    def amount(self, default: float) -> float:
        """The parameter, or the default if none was given."""
        return default if self.parameter is None else self.parameter

    def with_book(self, book: FakeBook, sent_seconds: float | None = None) -> Response:
        """The response, with this book, as it is sent now or was at this time."""
        return self.with_sides(render_sides(book), book.last_update_id, sent_seconds)

    def with_sides(self, sides: bytes, update_id: int = 1, sent_seconds: float | None = None) -> Response:
        """The response, with these bytes where the sides are."""
        times = self.market.times(self.now_seconds if sent_seconds is None else sent_seconds)
        return self.response._replace(body=depth_body(update_id, times, sides))


Behaviour = Callable[[FaultContext], Response]


class Fault(NamedTuple):
    """One row of a table. `is_transient`: a retry within the same minute or on another connection may succeed."""

    is_transient: bool
    description: str
    apply: Behaviour
