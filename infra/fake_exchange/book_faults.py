"""Faults of the book: well-formed answers that are empty, wrong, old or from a cache."""

from collections.abc import Callable, Sequence
from email.utils import formatdate

from infra.fake_exchange.books import FakeBook, Level
from infra.fake_exchange.fault import Behaviour, Fault, FaultContext
from infra.fake_exchange.responses import Response


def _book(change: Callable[[FakeBook], FakeBook]) -> Behaviour:
    return lambda context: context.with_book(change(context.book))


def _bids(change: Callable[[Sequence[Level]], Sequence[Level]]) -> Behaviour:
    return _book(lambda book: FakeBook(change(book.bids), book.asks, book.last_update_id))


def _emptied(bids: Sequence[Level]) -> Sequence[Level]:
    """Take the quantity from every second level."""
    return [(price, "0.00000000" if number % 2 else quantity) for number, (price, quantity) in enumerate(bids)]


def _crossed(book: FakeBook) -> FakeBook:
    """Swap the best prices, so that both sides stay in order."""
    if not (book.bids and book.asks):
        return book
    (bid, *bids), (ask, *asks) = book.bids, book.asks
    return FakeBook([(ask[0], bid[1]), *bids], [(bid[0], ask[1]), *asks], book.last_update_id)


def _earlier(context: FaultContext, seconds: float, *headers: tuple[str, str]) -> Response:
    """The response as of some time ago."""
    earlier = context._replace(now_seconds=context.now_seconds - seconds)
    date = ("Date", formatdate(earlier.now_seconds, usegmt=True))
    return earlier.with_book(context.book)._replace(headers=(date, *headers))


def _cached(context: FaultContext) -> Response:
    age = context.amount(3600)
    return _earlier(context, age, ("Age", str(round(age))), ("X-Cache", "Hit from cloudfront"))


def _backward(context: FaultContext) -> Response:
    book = context.book
    return context.with_book(FakeBook(book.bids, book.asks, book.last_update_id - round(context.amount(1000))))


def _other_symbol(context: FaultContext) -> Response:
    return context.response._replace(body=b'{"symbol":"OTHERUSDT",' + context.response.body[1:])


BOOK_FAULTS = {
    "empty": Fault(False, "no orders at all", _book(lambda book: FakeBook([], [], book.last_update_id))),
    "bids-only": Fault(False, "no asks", _book(lambda book: FakeBook(book.bids, [], book.last_update_id))),
    "asks-only": Fault(False, "no bids", _book(lambda book: FakeBook([], book.asks, book.last_update_id))),
    "crossed": Fault(False, "best bid above best ask", _book(_crossed)),
    "unsorted": Fault(True, "bids that rise", _bids(lambda bids: bids[::-1])),
    "swapped": Fault(True, "bids as asks and asks as bids", _book(lambda book: FakeBook(book.asks, book.bids))),
    "zero-quantity": Fault(False, "every second bid has no quantity", _bids(_emptied)),
    "zero-price": Fault(True, "the last bid has a price of 0", _bids(lambda bids: [*bids[:-1], ("0.00", "1.00")])),
    "short": Fault(
        False,
        "both sides cut to the same length [levels a side, 2]",
        lambda context: context.with_book(context.book.top(int(context.amount(2)))),
    ),
    "other-symbol": Fault(True, "a body that names another pair", _other_symbol),
    "age": Fault(False, "a cached response: Age, X-Cache: Hit [seconds, 3600]", _cached),
    "date": Fault(
        False, "a Date, and T, that is off [seconds ago, 7200]", lambda context: _earlier(context, context.amount(7200))
    ),
    "frozen": Fault(False, "always the pair's first book", lambda context: context.with_book(context.first_book)),
    "backward": Fault(False, "a lastUpdateId that went back [by, 1000]", _backward),
}
