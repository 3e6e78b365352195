"""One fault of a depth request, and its inputs."""

from collections.abc import Callable
from typing import NamedTuple

from infra.fake_exchange.books import FakeBook, depth_body, render_sides
from infra.fake_exchange.markets import FakeMarket
from infra.fake_exchange.responses import Response

SURPLUS_BOOK = FakeBook([("7.00000000", "7.00000000")], [("8.00000000", "7.00000000")], 7)
"""The book of no pair: a record of it was made from a response to no request."""
INTERNAL = "Internal error; unable to process your request. Please try again."


class FaultContext(NamedTuple):
    """The inputs of a fault: the response without the fault, its book, the pair's first book, and the parameter."""

    market: FakeMarket
    response: Response
    book: FakeBook
    first_book: FakeBook
    now_seconds: float
    parameter: float | None

    def amount(self, default: float) -> float:
        """The parameter, or the default if none was given."""
        return default if self.parameter is None else self.parameter

    def with_book(self, book: FakeBook) -> Response:
        """The response, with this book."""
        return self.with_sides(render_sides(book), book.last_update_id)

    def with_sides(self, sides: bytes, update_id: int = 1) -> Response:
        """The response, with these bytes where the sides are."""
        return self.response._replace(body=depth_body(update_id, self.market.times(self.now_seconds), sides))


Behaviour = Callable[[FaultContext], Response]


class Fault(NamedTuple):
    """One row of a table. `is_transient`: a retry within the same minute or on another connection may succeed."""

    is_transient: bool
    description: str
    apply: Behaviour
